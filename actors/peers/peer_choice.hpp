// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The decisions of a peer_reader: which source is asked for a chunk, and where the chunk is put.

#include "actors/peers/peer_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ckpt::actors {

/// Of the sources that have the chunk and room for one more, the one that owes the least; nothing if there is
/// none now. `is_possible` becomes false when no source that is left has the chunk.
[[nodiscard]] std::optional<std::size_t> choose_source(const peer_reader_state& state, std::uint32_t chunk,
                                                       bool& is_possible);

/// "node1: its process ended or its connection broke; node2: …; …/model.safetensors: …".
[[nodiscard]] std::string why_lost(const peer_reader_state& state);

/// Finds a place for the chunk of `made`: a slab, or the memory that keeps it. False when there is none now.
[[nodiscard]] bool take_room(peer_reader_state& state, peer_reader_state::request& made);

/// Gives back the place that a chunk took: its slab, or without one, its place among `unslabbed`.
void give_room_back(peer_reader_state& state, std::optional<io::slab_index> slab);

} // namespace ckpt::actors
