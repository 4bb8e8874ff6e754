// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/shared_buffer.hpp"

#include "io/dtype.hpp"
#include "io/error.hpp"
#include "io/fd.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace ckpt::apps::sink {

shared_buffer::shared_buffer(const file_handle& handle) {
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

shared_buffer::~shared_buffer() noexcept { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

std::optional<std::size_t> torch_item_bytes(std::string_view name) noexcept {
  for (const auto type : io::all_dtypes())
    if (io::torch_name(type) == name)
      return io::alignment_bytes(type); // Types that share a byte count bytes: their alignment is 1.
  return std::nullopt;
}

std::span<const std::byte> bytes_of(const sent_tensor& tensor, std::span<const std::byte> buffer) {
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error{"tensor \"" + tensor.name + "\": " + what};
  };
  const auto item_bytes = torch_item_bytes(tensor.torch_dtype);
  if (!item_bytes)
    fail("torch." + tensor.torch_dtype + " is not known");
  std::uint64_t bytes = *item_bytes;
  for (const auto dimension : tensor.shape)
    if (__builtin_mul_overflow(bytes, dimension, &bytes))
      fail("its shape does not fit into 64 bits");
  if (tensor.offset % *item_bytes != 0)
    fail("its offset " + std::to_string(tensor.offset) + " is not a multiple of "
         + std::to_string(*item_bytes));
  if (tensor.offset > buffer.size() || bytes > buffer.size() - tensor.offset)
    fail("its " + std::to_string(bytes) + " bytes at offset " + std::to_string(tensor.offset)
         + " reach over the end of the buffer of " + std::to_string(buffer.size()) + " bytes");
  return buffer.subspan(tensor.offset, bytes);
}

} // namespace ckpt::apps::sink
