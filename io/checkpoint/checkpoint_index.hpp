// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The index of a sharded checkpoint, `model.safetensors.index.json`: which file holds which tensor. Pure; any
// thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

/// A larger index is refused: this is a hundred times the largest one known.
inline constexpr std::uint64_t index_bytes_max = 1'000'000'000;

/// A file that the index names and the tensors it should hold.
struct indexed_file {
  std::string name; ///< relative to the index, inside its directory
  std::vector<std::string> tensors;
};

/// Parses the index. Returns the files sorted by name. Throws checkpoint_error naming `file_name` when it is
/// not JSON, has no `weight_map` of names to file names or an empty one, names a tensor twice, or names a
/// file outside the directory of the index. Removes a leading "./" from a file's name.
[[nodiscard]] std::vector<indexed_file> parse_checkpoint_index(std::string_view json,
                                                               std::string_view file_name);

} // namespace ckpt::io
