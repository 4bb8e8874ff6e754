// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_choice.hpp"

namespace ckpt::actors {
namespace {

/// Chunks that may be under way from one source: enough to keep a link full.
constexpr std::size_t asked_max = 16;

/// Chunks that may be under way or wait for their copy where this host keeps them: they take no slab.
constexpr std::size_t unslabbed_max = 64;

} // namespace

std::string why_lost(const peer_reader_state& state) {
  std::string text;
  for (std::size_t index = 0; index < state.links.size(); ++index)
    if (!state.links[index].lost.empty())
      text += (text.empty() ? "" : "; ") + state.source->weights().sources[index].name + ": "
              + state.links[index].lost;
  if (!state.own_lost.empty())
    text += (text.empty() ? "" : "; ") + state.own_lost;
  return text;
}

std::optional<std::size_t> choose_source(const peer_reader_state& state, std::uint32_t chunk,
                                         bool& is_possible) {
  std::optional<std::size_t> best;
  is_possible = false;
  for (std::size_t index = 0; index < state.links.size(); ++index) {
    const auto& one = state.links[index];
    if (!one.lost.empty() || !one.has[chunk])
      continue;
    is_possible = true;
    const bool has_room = one.endpoint && one.asked < asked_max;
    if (has_room && (!best || one.asked < state.links[*best].asked))
      best = index;
  }
  return best;
}

bool take_room(peer_reader_state& state, peer_reader_state::request& made) {
  auto& context = *state.context;
  if (const auto& kept = state.source->weights().kept) {
    if (state.unslabbed == unslabbed_max)
      return false;
    ++state.unslabbed;
    made.data = kept->room(made.chunk);
    return true;
  }
  const auto& planned = context.plan.chunks[made.chunk];
  made.slab = context.slabs->take(context.devices[device_of(context, planned)]->memory_node());
  if (made.slab)
    made.data = context.slabs->bytes(*made.slab).data();
  return made.slab.has_value();
}

void give_room_back(peer_reader_state& state, std::optional<io::slab_index> slab) {
  if (slab)
    state.context->slabs->give_back(*slab);
  else
    --state.unslabbed;
}

} // namespace ckpt::actors
