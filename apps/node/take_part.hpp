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

/// For take_part(). For a run of a resident node it is made beforehand: the other hosts learn of it with their order.
[[nodiscard]] actors::coordinator_actor spawn_coordinator(actor_runtime& runtime, const node_options& options,
                                                          const actors::update_ptr& update);

/// `failed_before` says why this host cannot take part, if so: the others are told. Returns once the update
/// is over on all hosts, or its outcome cannot be learned. If the verdict says that parts are left, do not
/// destroy `runtime` or what the update refers to: that would wait for those parts. `offer`, if there is one, learns
/// the secret of the version, and goes into the verdict. Without `known`, the coordinator is made, or looked for at host 0.
[[nodiscard]] actors::update_verdict take_part(actor_runtime& runtime, const node_options& options,
                                               const actors::update_ptr& update,
                                               const actors::cause& failed_before,
                                               const signal_guard& signals, share_offer* offer = nullptr,
                                               const actors::coordinator_actor& known = {});

/// Where this process runs, for messages.
[[nodiscard]] std::string host_name();

/// This host, as it introduces itself to others: without a plan.
[[nodiscard]] actors::join_request describe_host(const node_options& options);

} // namespace ckpt::apps
