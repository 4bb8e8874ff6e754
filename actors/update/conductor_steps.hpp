// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Shared by the two files of the conductor: conductor.cpp takes a run to its good end, conductor_end.cpp ends
// a run that failed, and delivers the verdict of both.

#include "actors/update/conductor.hpp"

#include <algorithm>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors::conducting {

using self_pointer = conductor_actor::stateful_pointer<conductor_state>;
using phase = conductor_state::phase;

template <class Parts, class Predicate>
[[nodiscard]] bool all(const Parts& parts, Predicate predicate) {
  return std::ranges::all_of(parts, predicate);
}

/// Delivers the verdict. All parts have ended, or did not end in time.
void deliver(self_pointer self);

/// The system refused a thread, although that had been tried out. No engine has been asked for anything.
/// Actors that have started, or that CAF believes to have started, end with the process.
void give_up_at_once(self_pointer self, const std::string& why);

/// Ends all parts. The verdict is delivered when the last one is gone, or after eight seconds.
void end(self_pointer self);

void end_if_all_told(self_pointer self);

/// The update has failed: stops reading and copying, tells workers and servers at once.
void abort(self_pointer self, const cause& why);

/// The first failure on this host: ends the update on all hosts.
void on_failure(self_pointer self, const cause& why);

/// Another host seems to be lost. That host, or the coordinator, knows the cause better: only the
/// coordinator's message ends the update.
void on_suspicion(self_pointer self, const cause& why);

/// In a failed update: the server of `engine` will start no more workers.
void settle(self_pointer self, std::uint32_t engine);

/// Marks devices of `engine` on which a late worker may still connect: the next run then looks for it. All
/// where the server has not answered, else those whose worker has not come, if another one may have.
void leave_marks(self_pointer self, std::uint32_t engine, bool is_unanswered);

/// The deadline of the present phase may have passed. Ends the phase if so, else looks again later.
void on_time_over(self_pointer self);

/// Calls on_time_over() in a second at most: a message that waits for the deadline would outlive the run.
void look_again(self_pointer self);

/// A part has ended.
void on_down(self_pointer self, const caf::down_msg& down);

} // namespace ckpt::actors::conducting
