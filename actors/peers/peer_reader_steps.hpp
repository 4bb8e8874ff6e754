// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Shared by the files of the peer_reader: peer_reader.cpp connects it, peer_links.cpp gives up connections,
// peer_taking.cpp takes chunks, peer_exchange.cpp deals with fellows.

#include "actors/peers/peer_reader.hpp"

#include <chrono>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors::reading {

using self_pointer = peer_reader_actor::stateful_pointer<peer_reader_state>;

/// A source that is silent for so long is given up. It sends a heartbeat twice a second, except for a few
/// seconds while it tries in vain to connect to another host that joins. Likewise a fellow that neither sends
/// nor takes what it was asked for or has asked for.
constexpr auto silence_max = std::chrono::seconds{12};

/// The update cannot go on.
void fail(self_pointer self, cause why);

/// Looks again at once.
void tick_soon(self_pointer self);

/// Looks again: at once while something is under way.
void keep_ticking(self_pointer self);

/// What has come, or been sent.
void settle(self_pointer self);

/// A chunk of this host's own files.
void on_own(self_pointer self, const own_read& read);

/// Asks for as many chunks as there are places for, and others with room.
void pump(self_pointer self);

/// Gives up a source or a fellow. The chunks that it still owes are taken from others.
void lose(self_pointer self, std::size_t index, const std::string& why);

/// Gives up those that are silent or hold everything up.
void look_for_the_silent(self_pointer self);

/// Gives up all fellows, because the fabric to them is broken. What was under way there keeps its memory.
/// Throws std::system_error.
void end_exchange(self_pointer self, const std::string& why);

/// Afterwards nothing uses slabs or kept chunks any more; if that fails, their memory is never freed. Calling
/// it again does no harm.
void end(self_pointer self);

/// Calls action(fabric) for the one to sources and the one to fellows, where they exist.
template <class Action>
void for_each_fabric(const peer_reader_state& state, Action action) {
  for (auto* one : {state.fabric.get(), state.exchange.get()})
    if (one != nullptr)
      action(*one);
}

} // namespace ckpt::actors::reading
