// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Engines that have no part in an update, although their devices are among those of its hosts: nobody asks
// their servers or workers for anything. Bystanders take the place of their sessions and notifiers and report
// every step as done, so the conductor need not tell them apart.

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"

#include <caf/fwd.hpp>

namespace ckpt::actors {

/// Speaks with the worker on `device` of this host, or is a bystander if its engine is spared.
[[nodiscard]] worker_session_actor spawn_session(caf::actor_system& system, const update_ptr& context,
                                                 std::uint32_t device, const conductor_actor& conductor);

/// Speaks with the server of `engine`, counted among those that this host leads; or is a bystander.
[[nodiscard]] server_notifier_actor spawn_notifier(caf::actor_system& system, const update_ptr& context,
                                                   std::uint32_t engine, const conductor_actor& conductor);

} // namespace ckpt::actors
