// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A plan checked against its definition. All of these report through GoogleTest's fatal failures: wrap them
// in ASSERT_NO_FATAL_FAILURE.

#include "io/plan/bucket_plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

/// Carries the plan out on made-up contents, byte by byte, and compares every tensor with where its list says
/// it is. For small checkpoints.
void replay(const checkpoint& source, const bucket_plan& plan);

/// The same by arithmetic: every byte of every tensor is copied exactly once, to its place, and lies in a
/// window. For checkpoints of any size.
void check_copies(const checkpoint& source, const bucket_plan& plan);

/// Every tensor in exactly one list; windows aligned and no larger than allowed.
void check_shape(const checkpoint& source, const bucket_plan& plan, const plan_options& options);

/// Lists are by file, then by name, where all of a group counts as lying in the first of its files.
void check_lists(const checkpoint& source, const bucket_plan& plan, const plan_options& options);

/// waits_for is the last earlier bucket whose slot this one, or one before it in the sequence, overwrites.
void check_slots(const bucket_plan& plan);

/// What has to travel with `name`, found out by other means than the planner's: names with a text in common
/// here belong together.
[[nodiscard]] std::vector<std::string> bonds_of(std::string_view name);

/// The bonds of every tensor.
[[nodiscard]] std::vector<std::vector<std::string>> bonds_of(const checkpoint& source);

/// All tensors with a bond in common are in one list. Those of an attention module may be apart where
/// plan.divided names it.
void check_groups(const checkpoint& source, const bucket_plan& plan,
                  const std::vector<std::vector<std::string>>& bonds);

} // namespace ckpt::io
