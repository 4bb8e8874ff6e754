// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What connects the hosts' actors: host 0's gate or another host's caller, with CAF on its inner side. Made
// before the actor system and destroyed after it: what actors have said last is still sent.

#include "actors/cluster/coordinator.hpp"
#include "actors/cluster/dialer.hpp"
#include "actors/cluster/gate.hpp"
#include "apps/node/command_line.hpp"

#include <memory>

#include <caf/fwd.hpp>

namespace ckpt::apps {

class control_network {
public:
  explicit control_network(const node_options& options) : options_{options} {}

  /// On host 0: lets the other hosts reach the coordinator. Throws what keeps it from listening.
  void publish(caf::actor_system& system, const actors::coordinator_actor& coordinator);

  /// On any other host.
  [[nodiscard]] actors::outside_line outside_line(caf::actor_system& system);

  /// Nobody comes in any more, and no actor of the system is known here. To be called before the system ends.
  void close();

private:
  const node_options& options_;
  std::unique_ptr<actors::gate> gate_;
  std::shared_ptr<actors::caller> caller_;
};

} // namespace ckpt::apps
