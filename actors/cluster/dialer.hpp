// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that connects to the coordinator. Hosts start in any order and minutes apart, so it tries until
// it succeeds, is refused five times in a row, or runs out of time. Detached; it blocks only on messages,
// with deadlines, and can be told to end meanwhile: the caller does the network's work.

#include "actors/cluster/cluster_interfaces.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace ckpt::actors {

struct dial_options {
  std::string address; ///< of host 0: a name or a number
  std::uint16_t port = 0;
  std::chrono::milliseconds timeout{300'000};
};

/// How a host connects to host 0, and the CAF broker that gets the connection.
struct outside_line {
  std::shared_ptr<caller> over;
  caf::actor broker; ///< CAF's, for its protocol between processes
};

/// Sends `node` one message: dialed.
void dialer(caf::blocking_actor* self, node_actor node, outside_line line, dial_options options);

} // namespace ckpt::actors
