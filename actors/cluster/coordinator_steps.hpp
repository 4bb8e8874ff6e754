// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Shared by the two files of the coordinator: coordinator_joining.cpp is the time until all hosts are here
// and fit together, coordinator.cpp everything after that.

#include "actors/cluster/coordinator.hpp"
#include "actors/cluster/introductions.hpp"

#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors::coordinating {

using self_pointer = coordinator_actor::stateful_pointer<coordinator_state>;
using phase = coordinator_state::phase;
using member = coordinator_state::member;

[[nodiscard]] inline bool is_reachable(const member& one) { return one.here && !one.gone; }

[[nodiscard]] inline std::string label(const coordinator_state& state, std::uint32_t host) {
  return host_label(host, state.members[host].introduction.name);
}

/// The first failure ends the update on all hosts.
void fail(self_pointer self, cause why);

/// A host says which protocol it speaks. Another one than host 0's ends the update.
void on_hello(self_pointer self, std::uint32_t version, std::uint32_t host, const std::string& name);

/// A host introduces itself. The update begins when it was the last, and all fit.
void on_join(self_pointer self, const node_actor& node, const join_request& request);

/// While hosts are missing: says so now and then, and gives up after the timeout.
void look_for_the_missing(self_pointer self, meter::clock::time_point now);

} // namespace ckpt::actors::coordinating
