// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that connects to host 0: to the coordinator of an update, or to the roster of a resident node.
// Hosts start in any order and minutes apart, so it tries until it succeeds, is refused five times in a row,
// or runs out of time. Detached: it waits for messages, with deadlines, and can be told to end meanwhile. The
// caller does the work on the network.

#include "actors/cluster/cluster_interfaces.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace ckpt::actors {

struct dial_options {
  std::string address; ///< of host 0: a name or an IP address
  std::uint16_t port = 0;
  std::chrono::milliseconds timeout{300'000};
};

/// How a host connects to host 0, and the CAF broker that gets the connection.
struct outside_line {
  std::shared_ptr<caller> over;
  caf::actor broker; ///< CAF's, for its protocol between processes
};

/// The actor that is offered at an address, or why there is none.
struct reached_actor {
  caf::strong_actor_ptr actor;
  bool is_answered = false; ///< without an actor: somebody answered, but did not let us in
  std::string why;
};

/// Calls once. Nothing when `self` is told to end meanwhile.
[[nodiscard]] std::optional<reached_actor> reach(caf::blocking_actor* self, const outside_line& line,
                                                 const std::string& address, std::uint16_t port);

/// Sends `asker` one message, unless it is told to end before: dialed.
void dialer(caf::blocking_actor* self, caf::actor asker, outside_line line, dial_options options);

} // namespace ckpt::actors
