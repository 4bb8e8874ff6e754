// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that issues the broadcasts: every bucket, in the order of the plan. Detached: it alone uses the
// collective, and waits for it on its own thread, for a few milliseconds at a time. Bound: the slots of the
// ring.

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"

#include <deque>
#include <vector>

namespace ckpt::actors {

struct broadcaster_state {
  static inline const char* name = "broadcaster";

  struct broadcast {
    gpu::ticket ticket = 0;
    std::uint32_t bucket = 0;
  };

  broadcaster_state() = default;
  broadcaster_state(const broadcaster_state&) = delete;
  broadcaster_state& operator=(const broadcaster_state&) = delete;
  ~broadcaster_state() noexcept; ///< on the actor's thread, however the actor ends

  update_ptr context;
  conductor_actor conductor;
  std::vector<worker_session_actor> sessions; ///< by device
  std::vector<bool> staged;                   ///< by bucket
  std::uint32_t next = 0;                     ///< bucket to broadcast next
  std::deque<broadcast> under_way;            ///< in order of their tickets
  std::uint32_t acknowledged = 0;
  gpu::ticket completed = 0;
  meter::clock::time_point last_completion; ///< or when the first of those under way was issued
  bool ticking = false;
  bool failed = false;
};

/// Detached; end it with an exit message.
broadcaster_actor::behavior_type broadcaster(broadcaster_actor::stateful_pointer<broadcaster_state> self,
                                             update_ptr context, conductor_actor conductor,
                                             std::vector<worker_session_actor> sessions);

} // namespace ckpt::actors
