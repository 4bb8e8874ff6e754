// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that finds the way to the coordinator. Hosts start in any order and minutes apart, so it tries
// until it succeeds or its time is up. Detached and blocking: CAF's own connect, and the system's name
// resolution, cannot be given deadlines. It first knocks with a connection of its own that can.

#include "actors/cluster/cluster_interfaces.hpp"

#include <chrono>
#include <cstdint>
#include <string>

#include <caf/fwd.hpp>
#include <caf/io/middleman_actor.hpp>

namespace ckpt::actors {

struct dial_options {
  std::string address; ///< of host 0: a name or a number
  std::uint16_t port = 0;
  std::chrono::milliseconds timeout{300'000};
  bool is_encrypted = false; ///< for messages
};

/// Tells `node` once: dialed. `network` is CAF's plain middleman or its TLS one.
void dialer(caf::blocking_actor* self, node_actor node, caf::io::middleman_actor network,
            dial_options options);

} // namespace ckpt::actors
