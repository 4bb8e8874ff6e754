// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whole pages that a copy to a GPU can begin from: what a test fills, or a file that is mapped for reading.

#include "io/error.hpp"
#include "io/fd.hpp"
#include "tests/support/collective_play.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include <fcntl.h>
#include <sys/mman.h>

namespace ckpt::tests {

class mapped_memory {
public:
  explicit mapped_memory(std::size_t bytes)
      : bytes_{map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)} {}

  /// The file is opened with `flags`.
  mapped_memory(const std::filesystem::path& path, int flags) {
    const io::fd file{::open(path.c_str(), flags | O_CLOEXEC)};
    bytes_ = map(std::filesystem::file_size(path), PROT_READ, MAP_SHARED, file.number());
  }
  mapped_memory(const mapped_memory&) = delete;
  mapped_memory& operator=(const mapped_memory&) = delete;
  ~mapped_memory() { ::munmap(bytes_.data(), bytes_.size()); }

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::byte* data() const { return bytes_.data(); }

  void fill(std::uint64_t number) {
    for (std::uint64_t at = 0; at < bytes_.size(); ++at)
      bytes_[at] = byte_at(number, at);
  }

private:
  static std::span<std::byte> map(std::size_t bytes, int rights, int flags, int file) {
    void* base = ::mmap(nullptr, bytes, rights, flags, file, 0);
    if (base == MAP_FAILED)
      throw io::system_failure(errno, "mmap", "memory of a test");
    return {static_cast<std::byte*>(base), bytes};
  }
  std::span<std::byte> bytes_;
};

} // namespace ckpt::tests
