// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whole pages that a copy to a GPU can begin from: what a test fills, or a file that can only be read.

#include "io/error.hpp"
#include "tests/support/collective_play.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/mman.h>

namespace ckpt::tests {

class mapped_memory {
public:
  explicit mapped_memory(std::size_t bytes) : mapped_memory{bytes, PROT_READ | PROT_WRITE, -1} {}
  mapped_memory(std::size_t bytes, int file) : mapped_memory{bytes, PROT_READ, file} {}
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
  mapped_memory(std::size_t bytes, int rights, int file) {
    void* base = ::mmap(nullptr, bytes, rights, file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    if (base == MAP_FAILED)
      throw io::system_failure(errno, "mmap", "memory of a test");
    bytes_ = {static_cast<std::byte*>(base), bytes};
  }
  std::span<std::byte> bytes_;
};

} // namespace ckpt::tests
