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
  std::shared_ptr<void> kept = nullptr; ///< with `at_once`: must not be destroyed
};

/// Removes the names by which workers find the rings; a process that ends without destructors needs this, too. When
/// parts of the run are `left`, marks its devices as abandoned: the next run frees workers that still wait.
void withdraw_exports(const actors::update& update, bool left);

/// Plans, updates (unless it is a dry run), prints the verdict and writes the report. As a service it makes
/// updates until it is told to end.
[[nodiscard]] ending run(const node_options& options);

} // namespace ckpt::apps
