// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The network between the hosts' actors: host 0's gate or another host's caller, with CAF behind it. Made
// before the actor system and destroyed after it, so that the last messages of actors are still sent.

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

  /// On host 0: lets the other hosts reach `whom`, a coordinator or a roster. Throws std::runtime_error when it
  /// cannot listen.
  void publish(caf::actor_system& system, const caf::strong_actor_ptr& whom);

  /// Lets hosts that join reach `source`, until the gate is destroyed: at a free port of `address`, which is one of this
  /// host's. Throws std::runtime_error when it cannot listen.
  [[nodiscard]] std::unique_ptr<actors::gate>
  offer(caf::actor_system& system, const caf::strong_actor_ptr& source, const std::string& address) const;

  /// The way to connect to other hosts.
  [[nodiscard]] actors::outside_line outside_line(caf::actor_system& system);

  /// Lets no more hosts in, and ends connections within a second. Call it before the actor system ends.
  void close();

private:
  const node_options& options_;
  std::unique_ptr<actors::gate> gate_;
  std::shared_ptr<actors::caller> caller_;
};

} // namespace ckpt::apps
