// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a peer_reader takes from fellows and gives to them: other hosts that take the same version from the
// same sources at this time. Fellows tell each other which chunks they have; each asks for what it lacks; the
// bytes go straight from one to the other. A chunk is compared with the digest that a source told, before
// anybody else gets it. That finds faulty memory and programs. XXH3 is not cryptographic, so it does not find
// what somebody forges who knows the secret: hosts that join trust each other as they trust the sources.
//
// Fellows are a help and no duty: one that fails in any way is given up, and the update goes on with the
// others. They have a fabric of their own, `exchange`: when one of them breaks it, all of them are given up,
// and everything comes from sources.
//
// Bounds: `fellows_max` at a time; `wants_max` chunks that one of them waits for, of which `sends_max` are
// under way; slabs that are being sent are at most a quarter of all.

#include "actors/peers/peer_reader_steps.hpp"

#include <cstddef>

namespace ckpt::actors::reading {

/// A source has introduced another host that joins, `way` being its index.
void on_fellow(self_pointer self, const fellow& who, std::size_t way);

void on_gone(self_pointer self, const fellow_gone& who);

/// `way` is the index of the source that has passed it on.
void on_talk(self_pointer self, const fellow_talk& talk, std::size_t way);

/// A fellow is given up: it is told so, and need not wait for anything.
void part_from(self_pointer self, peer_reader_state::link& one);

/// Gives up the fellows that no source passes messages on to any more. A source may introduce them again.
void lose_the_unreachable(self_pointer self);

/// Connects to a fellow, if that is still to be done. False when it had to be given up.
[[nodiscard]] bool connect_fellow(self_pointer self, std::size_t index);

/// Says something to a fellow by way of a source, if one is left that knows it.
void tell(self_pointer self, const peer_reader_state::link& to, fellow_talk talk);

/// Tells fellows what has come and gone, a few times a second.
void tell_news(self_pointer self);

/// Sends what fellows wait for and there is room for.
void serve(self_pointer self);

/// A chunk has been sent to a fellow, or that has failed.
void on_sent(self_pointer self, const peer_reader_state::sending& sent);

} // namespace ckpt::actors::reading
