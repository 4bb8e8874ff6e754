// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Any header for a file of any size is either refused with a checkpoint_error or fills the file exactly. The
// input is two bytes, the size of the data section, and then the JSON.

#include "io/checkpoint/safetensors.hpp"
#include "io/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace ckpt::io;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

void check(const safetensors_header& header, std::uint64_t file_bytes) {
  auto position = header.data_offset;
  for (const auto& tensor : header.tensors) {
    require(tensor.bytes.offset == position);
    std::uint64_t total_bits = bits(tensor.type);
    for (const auto dimension : tensor.shape)
      total_bits *= dimension;
    require(total_bits == tensor.bytes.length * 8);
    position = tensor.bytes.end();
  }
  require(position == file_bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  const auto data_bytes = static_cast<std::uint64_t>(data[0]) | static_cast<std::uint64_t>(data[1]) << 8;
  const std::string_view json{reinterpret_cast<const char*>(data) + 2, size - 2};
  const auto file_bytes = 8 + json.size() + data_bytes;
  try {
    check(parse_safetensors_header(json, file_bytes, "fuzz"), file_bytes);
  } catch (const checkpoint_error&) {
    // Refused: any other exception ends the run.
  }
  return 0;
}
