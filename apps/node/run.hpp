// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One run of ckpt-actor-node, from the checkpoint's headers to the exit status.

#include "apps/node/command_line.hpp"

namespace ckpt::apps {

/// Plans, and unless it is a dry run, updates; prints the verdict and writes the report. Returns the exit
/// status.
[[nodiscard]] int run(const node_options& options);

} // namespace ckpt::apps
