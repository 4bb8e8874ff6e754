// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One run of ckpt-actor-node, from the checkpoint's headers to the exit status.

#include "apps/node/command_line.hpp"

#include <memory>

namespace ckpt::apps {

/// How the process is to end.
struct ending {
  int exit_status = 0;
  bool at_once = false; ///< without giving up anything: something is stuck, and would be waited for
  std::shared_ptr<void> kept = nullptr; ///< what is not to be given up then
};

/// Plans, and unless it is a dry run, updates; prints the verdict and writes the report. As a service, does so
/// until it is told to end.
[[nodiscard]] ending run(const node_options& options);

} // namespace ckpt::apps
