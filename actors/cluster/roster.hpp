// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor on host 0 of a resident node that knows which hosts are there, and passes orders on to them.
//
// Scheduled, never blocks. Bounds: one entry for each host; one order at a time, a new one replaces the one
// before; the size of forwarded calls. Takes orders from this process alone. A host is
// gone when its connection breaks or after silence for `host_timeout`, and back once it enrols again.

#include "actors/cluster/attention.hpp"
#include "actors/cluster/membership_interfaces.hpp"
#include "actors/cluster_layout.hpp"
#include "actors/update/meter.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <caf/typed_response_promise.hpp>

namespace ckpt::actors {

/// A host as its last enrolment describes it.
struct known_host {
  bool is_here = false;
  bool was_here = false; ///< at some time
  std::string name;
  std::vector<std::string> endpoints; ///< of the engines that it leads
};

struct roster_options {
  cluster_layout layout;
  std::chrono::milliseconds host_timeout{4'000};
  join_request introduction; ///< of host 0

  // Called on the actor's thread.
  std::function<void(const std::vector<known_host>&)> changed;           ///< somebody came or left
  std::function<void(const forwarded_call&, const member_actor&)> asked; ///< answers the member, now or later
};

struct roster_state {
  static inline const char* name = "roster";

  struct entry {
    member_actor member;
    known_host known;
    meter::clock::time_point heard;
  };

  /// The order under way, and the hosts that have it.
  struct order {
    std::vector<std::uint32_t> hosts;
    std::vector<std::uint32_t> waits_for;
    coordinator_actor coordinator; ///< of a push_order
    order_outcome outcome;
    caf::typed_response_promise<order_outcome> promise;
  };

  roster_options options;
  std::vector<entry> hosts; ///< by number
  std::map<caf::actor_addr, std::uint32_t> host_of;
  std::optional<order> running;
  attention looks;
};

/// Ends when this process tells it to.
roster_actor::behavior_type roster(roster_actor::stateful_pointer<roster_state> self, roster_options options);

} // namespace ckpt::actors
