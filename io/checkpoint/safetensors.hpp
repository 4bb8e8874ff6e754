// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The header of one safetensors file: parsed and checked completely, without touching the tensor data. Pure,
// except read_safetensors_header(); any thread.
//
//   0        8                8 + N                             file_bytes
//   | N (LE) | JSON, N bytes  | tensor data, no holes           |
//
// Source: the safetensors format, https://github.com/huggingface/safetensors#format

#include "io/checkpoint/dtype.hpp"
#include "io/extent.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

/// The format's own limit for N.
inline constexpr std::uint64_t header_bytes_max = 100'000'000;

/// One tensor of a file. `bytes` counts from the start of the file (not of the data section).
struct tensor_entry {
  std::string name;
  dtype type = dtype::u8;
  std::vector<std::uint64_t> shape; ///< elements per dimension; empty for a scalar
  extent bytes;
};

/// All tensors of a file, sorted by offset.
struct safetensors_header {
  std::uint64_t data_offset = 0; ///< 8 + N
  std::vector<tensor_entry> tensors;
};

/// Parses the N bytes of JSON of a file of `file_bytes`. Checks JSON, dtypes, duplicate names, shape times
/// dtype against the offsets, holes, overlaps and ends beyond the file. Throws checkpoint_error naming
/// `file_name` and the tensor.
[[nodiscard]] safetensors_header parse_safetensors_header(std::string_view json, std::uint64_t file_bytes,
                                                          std::string_view file_name);

/// Reads and parses the header of `path`. Throws std::system_error (open, read) or checkpoint_error (content;
/// also a length field beyond the limit or the file).
[[nodiscard]] safetensors_header read_safetensors_header(const std::filesystem::path& path);

/// The same for a file that is open already and has `file_bytes`.
[[nodiscard]] safetensors_header read_safetensors_header(int file, std::uint64_t file_bytes,
                                                         std::string_view file_name);

} // namespace ckpt::io
