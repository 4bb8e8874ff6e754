// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a peer_reader decides: which source is asked for a chunk, and where the chunk is to come to.

#include "actors/peers/peer_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ckpt::actors {

/// The source that owes the least of those that have the chunk and room for one more. Nothing, and `is_possible` false,
/// when nobody has it.
[[nodiscard]] std::optional<std::size_t> choose_source(const peer_reader_state& state, std::uint32_t chunk,
                                                       bool& is_possible);

/// "node1: its process ended or its connection broke; node2: …".
[[nodiscard]] std::string why_lost(const peer_reader_state& state);

/// Finds a place for the chunk of `made`: a slab, or where it is kept. False when there is no room now.
[[nodiscard]] bool take_room(peer_reader_state& state, peer_reader_state::request& made);

/// The chunk that had this slab, or none, needs its room no more.
void give_room_back(peer_reader_state& state, std::optional<io::slab_index> slab);

} // namespace ckpt::actors
