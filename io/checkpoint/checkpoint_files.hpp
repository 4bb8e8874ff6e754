// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finds the files of a checkpoint: those that its index names, those of its directory, or the one file given.
// Opens only the index.

#include "io/checkpoint/checkpoint_index.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

inline constexpr std::string_view index_name = "model.safetensors.index.json";

/// A file that counts. `expected` is its entry in the index; null without an index: then all its tensors
/// count.
struct found_file {
  std::filesystem::path path; ///< for messages
  std::filesystem::path name; ///< in the checkpoint's directory
  const indexed_file* expected = nullptr;
};

/// The files of the checkpoint, sorted by name, and what looks odd in its directory.
struct found_files {
  std::vector<found_file> files;
  std::vector<std::string> remarks;
};

/// The index of the open `directory` at `path`; empty when there is none. Throws std::system_error or
/// checkpoint_error.
[[nodiscard]] std::vector<indexed_file> read_index(int directory, const std::filesystem::path& path);

/// The files that `index` names. `index` has to outlive the result. Throws std::system_error.
[[nodiscard]] found_files find_by_index(int directory, const std::filesystem::path& path,
                                        const std::vector<indexed_file>& index);

/// The `*.safetensors` of a directory without an index. Throws std::system_error, or checkpoint_error when
/// there is none.
[[nodiscard]] found_files find_by_name(int directory, const std::filesystem::path& path);

/// The one file at `path`.
[[nodiscard]] found_files find_one(const std::filesystem::path& path);

} // namespace ckpt::io
