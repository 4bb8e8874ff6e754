// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Conclusions from the names of a checkpoint's files: which of them count, and whether some seem to be
// missing. Pure; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

/// Files of a directory without an index.
struct chosen_files {
  std::vector<std::string> names;
  std::vector<std::string> left_out; ///< a second copy of the same weights in another layout
};

/// `consolidated*.safetensors` beside `model*.safetensors` is left out, as the engines' own loaders do it;
/// everything else counts. Keeps the order.
[[nodiscard]] chosen_files choose_files(std::vector<std::string> names);

/// One line for each set of files numbered "…-00001-of-00004…" in which numbers are missing; sets may be
/// numbered from 0 or from 1. `names` are sorted.
[[nodiscard]] std::vector<std::string> remarks_on_gaps(const std::vector<std::string>& names);

/// True for the name of one of several numbered files, "…-00002-of-00004…".
[[nodiscard]] bool is_one_of_several(std::string_view name);

} // namespace ckpt::io
