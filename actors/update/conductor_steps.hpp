// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the two files of the conductor share: conductor.cpp takes a run to its good end, conductor_end.cpp ends
// one that failed, and everything after either.

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

/// Everything is over: the verdict goes out.
void deliver(self_pointer self);

/// Threads that were promised could not be had after all. No engine has been asked for anything; what has
/// been started, and what CAF takes for started, ends with the process.
void give_up_at_once(self_pointer self, const std::string& why);

/// Everybody has said what there is to say; when the last part is gone, the verdict goes out.
void end(self_pointer self);

void end_if_all_told(self_pointer self);

/// The update has failed: nothing more is read or copied, workers and servers are told at once.
void abort(self_pointer self, const cause& why);

/// The first failure of this host ends the update everywhere.
void on_failure(self_pointer self, const cause& why);

/// That host, or the coordinator, can tell better why: their word comes as the end of the update.
void on_suspicion(self_pointer self, const cause& why);

/// In a failed update: the server of `engine` starts no worker any more.
void settle(self_pointer self, std::uint32_t engine);

/// Workers of `engine` that have not come may come yet, where its server has not answered, or where it did
/// because others failed: the next run looks for them.
void leave_marks(self_pointer self, std::uint32_t engine, bool is_unanswered);

/// Those who had to do something in this phase have had their time.
void on_time_over(self_pointer self);

/// A part has ended.
void on_down(self_pointer self, const caf::down_msg& down);

} // namespace ckpt::actors::conducting
