// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One run of ckpt-actor-node, from the checkpoint's headers to the exit status.

#include "actors/update/update.hpp"
#include "apps/node/command_line.hpp"

#include <memory>

namespace ckpt::apps {

/// How the process has to end.
struct ending {
  int exit_status = 0;
  bool at_once = false; ///< without destructors: something is stuck, and they would wait for it
  std::shared_ptr<void> kept = nullptr; ///< must not be destroyed then
};

/// What serves to find the rings goes away, also when this process ends without destructors. Where parts of the run
/// are `left`, the marks of its devices stay: workers may wait for whoever comes next.
void withdraw_exports(const actors::update& update, bool left);

/// Plans, updates (unless it is a dry run), prints the verdict and writes the report. As a service it repeats
/// that until it is told to end.
[[nodiscard]] ending run(const node_options& options);

} // namespace ckpt::apps
