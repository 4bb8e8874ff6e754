// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The decisions of a peer_reader: which chunk is asked for next, of whom, and where it is put. They touch
// nothing but the state.

#include "actors/peers/peer_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::actors {

/// The first chunks of the window that are wanted, in sequence.
[[nodiscard]] std::vector<std::uint32_t> wanted_chunks(peer_reader_state& state);

/// A question: for wanted[index], to a link.
struct peer_question {
  std::size_t index = 0;
  std::size_t link = 0;
};

/// The next question; nothing when nobody who has room has one of `wanted`. Without fellows in sequence, to
/// the source that owes the least. With fellows the rarest chunk that somebody has, a fellow before a source.
[[nodiscard]] std::optional<peer_question> choose_question(peer_reader_state& state,
                                                           const std::vector<std::uint32_t>& wanted);

/// The fellow for which everything waits: it was asked for the first chunk that is not copied more than
/// `time_max` ago, and a source has that, too. Usually nothing.
[[nodiscard]] std::optional<std::size_t>
find_brake(const peer_reader_state& state, meter::clock::time_point now, meter::clock::duration time_max);

/// The source by which messages get to `fellow`: of those that know it, the one that was heard last. Nothing
/// when all are lost.
[[nodiscard]] std::optional<std::size_t> find_way(const peer_reader_state& state,
                                                  const peer_reader_state::link& fellow);

[[nodiscard]] bool has_fellows(const peer_reader_state& state);

/// "node1: its process ended or its connection broke; node2: …; …/model.safetensors: …": sources and own
/// files.
[[nodiscard]] std::string why_lost(const peer_reader_state& state);

/// A new connection, which has nothing yet.
peer_reader_state::link& add_link(peer_reader_state& state, peer_reader_state::link_kind kind,
                                  std::string name);

/// Finds a place for the chunk of `made`: a slab, or the memory that keeps it. False when there is none now.
[[nodiscard]] bool take_room(peer_reader_state& state, peer_reader_state::request& made);

/// The chunk has not come: gives back the place that it was to take, and wants it again.
void want_again(peer_reader_state& state, const peer_reader_state::request& made);

/// What is under way in a fabric that is broken never ends. What was to come is wanted again, at another
/// place, because the former one may still be written to. Throws std::system_error.
void leave_behind(peer_reader_state& state, const gpu::fabric& broken);

/// The chunk is here and right.
void hold(peer_reader_state& state, const peer_reader_state::request& made);

/// The chunk has been copied. Its slab stays in use as long as fellows may want it and no other chunk needs
/// it.
void mark_copied(peer_reader_state& state, std::uint32_t chunk);

/// False where there are too few slabs for it.
[[nodiscard]] bool gives_anything(const peer_reader_state& state);

/// True when one chunk more may be on its way to fellows: slabs that are being sent are at most a quarter of
/// all.
[[nodiscard]] bool may_send_more(const peer_reader_state& state);

/// `link` does not give the chunk. It is never asked for it again, whatever it says later: otherwise it could
/// hold everything up for ever.
void note_refusal(peer_reader_state& state, peer_reader_state::link& link, std::uint32_t chunk);

/// `link` has the chunk from now on, or not any more. One that it has refused it never has.
void set_has(peer_reader_state& state, peer_reader_state::link& link, std::uint32_t chunk, bool has);

} // namespace ckpt::actors
