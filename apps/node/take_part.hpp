// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// This process's part in an update: starts the actors (on host 0 the coordinator among them), connects them
// to the other hosts, and waits for the verdict.

#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/update/update.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"

#include <string>

namespace ckpt::apps {

class share_offer;

/// Makes the coordinator of an update. A resident node does so before take_part(): its orders name the coordinator.
[[nodiscard]] actors::coordinator_actor spawn_coordinator(actor_runtime& runtime, const node_options& options,
                                                          const actors::update_ptr& update);

/// Returns once the update is over on all hosts, or its outcome cannot be learned. If `failed_before` says why this host
/// cannot take part, it only tells the others. If the verdict says that parts are left, do not destroy `runtime` or what
/// the update refers to: that would wait for those parts. An `offer` learns the secret of the version, and goes into the
/// verdict. Without `known`, host 0 makes the coordinator, and the other hosts connect to it.
[[nodiscard]] actors::update_verdict take_part(actor_runtime& runtime, const node_options& options,
                                               const actors::update_ptr& update,
                                               const actors::cause& failed_before,
                                               const signal_guard& signals, share_offer* offer = nullptr,
                                               const actors::coordinator_actor& known = {});

/// Host name and process id, which tell this process from others and name it in messages.
[[nodiscard]] std::string host_name();

/// This host's introduction to the others, without a plan.
[[nodiscard]] actors::join_request describe_host(const node_options& options);

} // namespace ckpt::apps
