// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The output of --dry-run: the plan of an update in the user's terms.

#include "apps/node/command_line.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"

#include <string>

namespace ckpt::apps {

/// Files, bytes, buckets and the memory that the update will take; several lines, without a final line end.
[[nodiscard]] std::string describe_plan(const node_options& options, const io::checkpoint& checkpoint,
                                        const io::bucket_plan& plan);

} // namespace ckpt::apps
