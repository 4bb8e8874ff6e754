// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The preparation of one host before an update: reads all headers, plans, locks its engines, and prepares the
// resources that the update needs here.

#include "actors/host/host_resources.hpp"
#include "actors/update/update.hpp"
#include "apps/node/command_line.hpp"
#include "io/engine/update_lock.hpp"

#include <memory>
#include <stop_token>
#include <vector>

namespace ckpt::apps {

/// An update of this host, ready to run, with the locks on its engines; or why there is none.
struct prepared_update {
  std::vector<io::update_lock> locks;
  actors::update_ptr update;
  actors::cause failed; ///< set: `update` cannot run, and only serves the report
};

/// For a process that makes one update. Throws nothing: errors are in the result. A dry run writes the plan
/// to standard output and returns no update. `stop` ends the reading of a share that is to be offered.
[[nodiscard]] prepared_update prepare(const node_options& options, const std::stop_token& stop = {});

/// Opens the devices unless they are open. Returns why they cannot be had, or ec::none.
[[nodiscard]] actors::cause open_resources(const node_options& options,
                                           std::shared_ptr<actors::host_resources>& resources);

/// Reads this host's share of `version`, and keeps it in memory. Throws what io::resident_chunks throws.
void keep_in_memory(actors::weights_version& version, const node_options& options,
                    std::uint64_t bytes_per_second_max, const std::stop_token& stop);

/// Pins what `version` keeps in memory, if it does, for as long as it is kept: the devices copy from there.
void pin_kept(actors::weights_version& version, const std::shared_ptr<actors::host_resources>& resources);

/// One that says why there is none.
[[nodiscard]] prepared_update nothing_prepared(const node_options& options, const actors::cause& why);

/// A version that several updates may use; or why there is none.
struct opened_version {
  std::shared_ptr<actors::weights_version> version;
  actors::cause failed{};
};

/// Reads all headers, and plans. Throws nothing.
[[nodiscard]] opened_version open_version(const node_options& options);

/// For a process that makes several updates, one at a time: an update to `version` with `resources`, which
/// are opened if they are null. Throws nothing.
[[nodiscard]] prepared_update prepare(const node_options& options, const actors::version_ptr& version,
                                      std::shared_ptr<actors::host_resources>& resources);

} // namespace ckpt::apps
