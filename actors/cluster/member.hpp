// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor of a resident node on a host that is not host 0: looks for host 0's roster, enrols there, hands
// orders to its process, and looks again whenever host 0 was lost.
//
//   dialing ─> enrolling ─> enrolled
//      ^──────────┴───────────┘
//
// Scheduled, never blocks. Looks for host 0 as long as dial_options say; once it has enrolled, for ever.

#include "actors/cluster/attention.hpp"
#include "actors/cluster/dialer.hpp"
#include "actors/cluster/membership_interfaces.hpp"
#include "actors/update/meter.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <variant>

#include <caf/actor.hpp>

namespace ckpt::actors {

using host_order = std::variant<prepare_order, push_order, stop_order, drop_order>;

struct member_options {
  join_request introduction;
  std::chrono::milliseconds host_timeout{4'000};
  outside_line line;
  dial_options dial;
  std::uint32_t protocol = protocol_version; ///< another one in tests only

  // Called on the actor's thread.
  std::function<void(host_order)> ordered;
  std::function<void(const forwarded_answer&)> answered;
  std::function<void(bool)> connected;       ///< enrolled, or not any more
  std::function<void(const cause&)> refused; ///< it never enrols; called once at most
};

struct member_state {
  static inline const char* name = "member";

  enum class phase : std::uint8_t { dialing, enrolling, enrolled, over };

  member_options options;
  phase at = phase::dialing;
  caf::actor dialing; ///< the dialer
  roster_actor roster;
  bool was_enrolled = false;
  meter::clock::time_point heard;                       ///< from the roster
  std::optional<meter::clock::time_point> claims_since; ///< since then another host has had its number
  std::optional<meter::clock::time_point> waits_until;  ///< to dial or to enrol again
  attention looks;
};

/// Looks for host 0 at once. Ends when it is told to, or when it is refused before it was ever enrolled.
member_actor::behavior_type member(member_actor::stateful_pointer<member_state> self, member_options options);

} // namespace ckpt::actors
