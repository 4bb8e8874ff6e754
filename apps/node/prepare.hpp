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

/// Prepares the only update of a process. Errors are in the result. A dry run writes the plan to standard
/// output and returns no update. `stop` ends the reading of a share that is to be offered.
[[nodiscard]] prepared_update prepare(const node_options& options, const std::stop_token& stop = {});

/// Opens the devices unless they are open. Returns the reason if they cannot be opened, else ec::none.
[[nodiscard]] actors::cause open_resources(const node_options& options,
                                           std::shared_ptr<actors::host_resources>& resources);

/// Reads this host's share of `version`, and keeps it in memory. Throws what io::resident_chunks throws.
void keep_in_memory(actors::weights_version& version, const node_options& options,
                    std::uint64_t bytes_per_second_max, const std::stop_token& stop);

/// Pins the memory of `version`, if it keeps any, until that is freed: the devices copy from there.
void pin_kept(actors::weights_version& version, const std::shared_ptr<actors::host_resources>& resources);

/// A result without an update. Logs `why`.
[[nodiscard]] prepared_update nothing_prepared(const node_options& options, const actors::cause& why);

/// A version that several updates may use; or why there is none.
struct opened_version {
  std::shared_ptr<actors::weights_version> version;
  actors::cause failed{};
};

/// Reads all headers, plans, and with several hosts samples the content. Errors are in the result.
[[nodiscard]] opened_version open_version(const node_options& options);

/// Prepares one of several updates of a process, to `version`. Opens `resources` if they are null. Compares
/// kept memory with its checksums, unless that was done within the last minute. Errors are in the result.
[[nodiscard]] prepared_update prepare(const node_options& options, const actors::version_ptr& version,
                                      std::shared_ptr<actors::host_resources>& resources);

} // namespace ckpt::apps
