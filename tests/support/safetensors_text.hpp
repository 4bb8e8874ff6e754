// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Safetensors files put together from text, so that a test shows what is wrong with them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::tests {

/// One entry of a header: `"name":{"dtype":…,"shape":…,"data_offsets":…}`.
inline std::string entry(std::string_view name, std::string_view dtype, std::string_view shape,
                         std::string_view offsets) {
  return '"' + std::string{name} + R"(":{"dtype":")" + std::string{dtype} + R"(","shape":)"
         + std::string{shape} + R"(,"data_offsets":)" + std::string{offsets} + '}';
}

/// The length field of a file whose header has `bytes`.
inline std::string length_field(std::uint64_t bytes) {
  std::string field;
  for (unsigned i = 0; i < 8; ++i)
    field += static_cast<char>(bytes >> (8 * i) & 0xff);
  return field;
}

/// A file with this header and `data_bytes` bytes of data.
inline std::string file_text(std::string_view header, std::uint64_t data_bytes) {
  return length_field(header.size()) + std::string{header} + std::string(data_bytes, 'x');
}

/// A file of one-byte tensors with these names.
inline std::string bytes_named(const std::vector<std::string>& names) {
  std::string json = "{";
  std::uint64_t position = 0;
  for (const auto& name : names) {
    json +=
        (position > 0 ? "," : "")
        + entry(name, "U8", "[1]", '[' + std::to_string(position) + ',' + std::to_string(position + 1) + ']');
    ++position;
  }
  return file_text(json + '}', position);
}

/// An index with these entries in its weight_map.
inline std::string index_text(std::string_view weight_map) {
  return R"({"metadata":{"total_size":0},"weight_map":{)" + std::string{weight_map} + "}}";
}

} // namespace ckpt::tests
