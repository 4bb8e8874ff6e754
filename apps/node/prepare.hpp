// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one host does by itself before an update: reads all headers, plans, locks its engines, and makes ready
// what the update needs of this host.

#include "actors/host/host_resources.hpp"
#include "actors/update/update.hpp"
#include "apps/node/command_line.hpp"
#include "io/engine/update_lock.hpp"

#include <memory>
#include <vector>

namespace ckpt::apps {

/// An update of this host, ready to run, and what keeps others off its engines meanwhile; or why there is
/// none.
struct prepared_update {
  std::vector<io::update_lock> locks;
  actors::update_ptr update;
  actors::cause failed; ///< then `update` is empty, but for what a report says of it
};

/// For a process that makes one update. Throws nothing: what is wrong stands in the result. Of a dry run there
/// is no update; it writes the plan to standard output.
[[nodiscard]] prepared_update prepare(const node_options& options);

/// A version that several updates may be made of; or why there is none.
struct opened_version {
  std::shared_ptr<actors::weights_version> version;
  actors::cause failed{};
};

/// Reads all headers, and plans. Throws nothing.
[[nodiscard]] opened_version open_version(const node_options& options);

/// One of the updates of a process that makes several, one at a time: of `version`, with `resources`, which
/// are opened when there are none yet. Throws nothing.
[[nodiscard]] prepared_update prepare(const node_options& options, const actors::version_ptr& version,
                                      std::shared_ptr<actors::host_resources>& resources);

} // namespace ckpt::apps
