// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Groups the tensors that an engine may combine within one `load_weights` call: a group has to reach it in
// one list. An engine that gets the halves in two lists keeps its old values, or reads the first half from
// memory that has been overwritten, and reports no error. Pure; any thread.
//
// Three things bind tensors to each other, and through each other:
//   1. The same module path, which is the name up to its last `.`: a weight, its scales, its zero points.
//   2. A row of the table in tensor_groups.cpp, or of the user's (--keep-together).
//   3. The same attention module: the first part of the path with `attn` or `attention` in it, and all below,
//      such as latent projections, indexers and compressors, in vision towers too.
// Rules 1 and 2 are never broken. A group that only rule 3 binds is divided when it is larger than the
// largest tensor and than attention_bytes_max: in models that large the names of q, k and v say which part of
// the fused weight they are.

#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/name_pattern.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

inline constexpr std::uint64_t attention_bytes_max = 1ull << 30;

/// A row of the table.
struct known_combination {
  std::string_view pattern; ///< see name_pattern
  std::string_view engine;  ///< that combines these
  std::string_view models;  ///< in its own words
};

/// The built-in table.
[[nodiscard]] std::span<const known_combination> known_combinations();

/// Tensors that travel together.
struct tensor_group {
  std::vector<std::uint32_t> tensors; ///< indices, ascending
  std::uint64_t bytes = 0;
};

/// An attention module that is too large to travel in one list.
struct divided_module {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint32_t parts = 0;
};

struct tensor_groups {
  std::vector<tensor_group> groups; ///< every tensor is in exactly one; in order of their first tensors
  std::vector<divided_module> divided;
};

/// Groups `tensors` by the built-in table and `rows`. Throws std::invalid_argument for a row that matches no
/// name: the user would rely on a protection that is not there.
[[nodiscard]] tensor_groups group_tensors(std::span<const checkpoint_tensor> tensors,
                                          std::span<const name_pattern> rows);

/// The part of the path that all tensors of `group` share. For a lone tensor its name; where they share none,
/// the name of the first "and others".
[[nodiscard]] std::string name_of(const tensor_group& group, std::span<const checkpoint_tensor> tensors);

} // namespace ckpt::io
