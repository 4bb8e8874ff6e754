// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/tensor_place.hpp"

#include "io/checkpoint/dtype.hpp"

#include <stdexcept>
#include <string>

namespace ckpt::apps::sink {

std::optional<std::size_t> torch_item_bytes(std::string_view name) noexcept {
  for (const auto type : io::all_dtypes())
    if (io::torch_name(type) == name)
      return io::alignment_bytes(type); // Types that share a byte count bytes: their alignment is 1.
  return std::nullopt;
}

io::extent place_of(const sent_tensor& tensor, std::uint64_t buffer_bytes) {
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
  if (tensor.offset > buffer_bytes || bytes > buffer_bytes - tensor.offset)
    fail("its " + std::to_string(bytes) + " bytes at offset " + std::to_string(tensor.offset)
         + " reach over the end of the buffer of " + std::to_string(buffer_bytes) + " bytes");
  return {tensor.offset, bytes};
}

} // namespace ckpt::apps::sink
