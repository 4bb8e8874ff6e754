// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/shared_buffer.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/imported_ring.hpp"
#include "io/error.hpp"
#include "io/fd.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace ckpt::apps::sink {

namespace {

class mapped_file final : public shared_buffer {
public:
  explicit mapped_file(const file_handle& handle) {
    // The path comes from outside: without O_NONBLOCK opening a FIFO would wait for a writer.
    const io::fd file{::open(handle.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file)
      throw io::system_failure(errno, "open", handle.path);
    struct stat status {};
    if (::fstat(file.number(), &status) != 0)
      throw io::system_failure(errno, "stat", handle.path);
    if (!S_ISREG(status.st_mode))
      throw std::runtime_error{handle.path + " is not a regular file"};
    if (handle.bytes == 0 || handle.bytes > static_cast<std::uint64_t>(status.st_size))
      throw std::runtime_error{handle.path + " has " + std::to_string(status.st_size)
                               + " bytes, the handle says " + std::to_string(handle.bytes)};
    auto* base = ::mmap(nullptr, handle.bytes, PROT_READ, MAP_SHARED, file.number(), 0);
    if (base == MAP_FAILED)
      throw io::system_failure(errno, "mmap", handle.path);
    bytes_ = {static_cast<const std::byte*>(base), handle.bytes};
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file() noexcept override { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  void load(io::extent place, consumer& work) override {
    work.consume(bytes_.subspan(place.offset, place.length));
  }
  [[nodiscard]] std::span<const std::byte> bytes(io::extent place) const override {
    return bytes_.subspan(place.offset, place.length);
  }
  void settle() override {}
  [[nodiscard]] std::optional<std::uint64_t> difference(std::uint64_t offset,
                                                        std::span<const std::byte> expected) override {
    const auto* const here = bytes_.data() + offset;
    if (std::memcmp(here, expected.data(), expected.size()) == 0) // Far faster than finding out where.
      return std::nullopt;
    return std::mismatch(expected.begin(), expected.end(), here).first - expected.begin();
  }

private:
  std::span<const std::byte> bytes_;
};

class cuda_memory final : public shared_buffer {
public:
  cuda_memory(const cuda_handle& handle, const std::string& device)
      : bytes_{handle.bytes}, ring_{gpu::import_ring(
                                  {handle.ipc_handle, handle.bytes, handle.counter_name, handle.counter_slot},
                                  device)} {}

  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_; }
  void load(io::extent place, consumer& work) override {
    if (work.how() != consumption::none)
      ring_->copy_out(place.offset, place.length);
  }
  void settle() override { ring_->settle(); }
  [[nodiscard]] std::optional<std::uint64_t> difference(std::uint64_t offset,
                                                        std::span<const std::byte> expected) override {
    return ring_->difference(offset, expected);
  }

private:
  std::uint64_t bytes_;
  std::unique_ptr<gpu::imported_ring> ring_;
};

} // namespace

std::unique_ptr<shared_buffer> open_file(const file_handle& handle) {
  return std::make_unique<mapped_file>(handle);
}

std::unique_ptr<shared_buffer> open_cuda_memory(const cuda_handle& handle, const std::string& device) {
  try {
    return std::make_unique<cuda_memory>(handle, device);
  } catch (const gpu::cuda_error& error) {
    throw gpu::cuda_error{std::string{"the buffer is on a CUDA device: "} + error.what()};
  }
}

} // namespace ckpt::apps::sink
