// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that finds the way to the coordinator. Hosts start in any order and minutes apart, so it calls
// until it succeeds or its time is up. Detached and blocking, but only on messages: the caller does what takes
// time, with deadlines, and may be told to end meanwhile.

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

/// How a host reaches others: over what, and who in CAF gets the connection.
struct outside_line {
  std::shared_ptr<caller> over;
  caf::actor broker; ///< CAF's, for its protocol between processes
};

/// Tells `node` once: dialed.
void dialer(caf::blocking_actor* self, node_actor node, outside_line line, dial_options options);

} // namespace ckpt::actors
