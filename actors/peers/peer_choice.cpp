// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_choice.hpp"

#include <algorithm>
#include <random>
#include <tuple>
#include <utility>

namespace ckpt::actors {
namespace {

using state_type = peer_reader_state;
using link = peer_reader_state::link;
using link_kind = peer_reader_state::link_kind;
using place = peer_reader_state::place;

/// Chunks that may be under way from one source: enough to keep a link full. More take more memory, and the
/// first use of memory costs as much time as the transfer.
constexpr std::size_t asked_max = 4;

/// Likewise of the fellows and this host together: each of them asks the same source, and what waits there
/// for long is not taken from others meanwhile.
constexpr std::size_t asked_beside_fellows_max = 8;

/// From one fellow.
constexpr std::size_t asked_of_fellow_max = 2;

/// Chunks that may be under way or wait for their copy where this host keeps them: they take no slab.
constexpr std::size_t unslabbed_max = 128;

/// So many slabs for each one that is being sent from: a quarter of all at most.
constexpr std::size_t slabs_per_send = 4;

/// Chunks among which the rarest is looked for.
constexpr std::size_t looked_at_max = 128;

[[nodiscard]] std::size_t fellows_here(const state_type& state) {
  return static_cast<std::size_t>(std::ranges::count_if(
      state.links, [](const link& one) { return one.kind == link_kind::fellow && one.lost.empty(); }));
}

[[nodiscard]] bool has_room(const link& one, std::size_t fellows) {
  if (!one.lost.empty())
    return false;
  if (one.kind == link_kind::fellow)
    return one.asked < asked_of_fellow_max;
  const auto most =
      fellows == 0 ? asked_max : std::max<std::size_t>(1, asked_beside_fellows_max / (1 + fellows));
  return one.endpoint && one.asked < most;
}

[[nodiscard]] std::optional<peer_question> choose_in_sequence(const state_type& state,
                                                              const std::vector<std::uint32_t>& wanted) {
  for (std::size_t index = 0; index < wanted.size(); ++index) {
    std::optional<std::size_t> best;
    for (std::size_t number = 0; number < state.links.size(); ++number)
      if (const auto& one = state.links[number];
          one.has[wanted[index]] && has_room(one, 0) && (!best || one.asked < state.links[*best].asked))
        best = number;
    if (best)
      return peer_question{index, *best};
  }
  return std::nullopt;
}

/// The chunk that the fewest fellows have, of those that this one has; which of several is left to chance,
/// because all fellows would choose the same.
[[nodiscard]] std::optional<std::size_t> choose_rarest(state_type& state, const link& from,
                                                       const std::vector<std::uint32_t>& wanted) {
  std::optional<std::size_t> best;
  const auto begin = state.random() % wanted.size();
  for (std::size_t step = 0; step < wanted.size(); ++step) {
    const auto index = (begin + step) % wanted.size();
    if (from.has[wanted[index]]
        && (!best || state.at_fellows[wanted[index]] < state.at_fellows[wanted[*best]]))
      best = index;
  }
  return best;
}

/// Takes a slab from a chunk that only fellows may still want.
[[nodiscard]] std::optional<io::slab_index> take_spare(state_type& state) {
  const auto found =
      std::ranges::find_if(state.spare, [&](auto chunk) { return state.held.at(chunk).sends == 0; });
  if (found == state.spare.end())
    return std::nullopt;
  const auto holding = state.held.find(*found);
  const auto slab = holding->second.slab.value();
  state.news_gone.push_back(*found);
  state.held.erase(holding);
  state.spare.erase(found);
  return slab;
}

/// Calls action(transfer) for those of `broken`, and forgets them. They are not freed: UCX has their
/// addresses.
template <class Transfers, class Action>
void take_out(Transfers& transfers, const gpu::fabric& broken, Action action) {
  for (auto each = transfers.begin(); each != transfers.end();) {
    if (each->second->local != &broken) {
      ++each;
      continue;
    }
    action(*each->second);
    static_cast<void>(each->second.release());
    each = transfers.erase(each);
  }
}

} // namespace

bool has_fellows(const peer_reader_state& state) { return fellows_here(state) > 0; }

std::vector<std::uint32_t> wanted_chunks(peer_reader_state& state) {
  const auto window =
      state.source->weights().kept ? unslabbed_max : static_cast<std::size_t>(state.context->slabs->count());
  const auto end = std::min(state.chunks.size(), state.copied_end + window);
  const auto is_wanted = [&](std::size_t index) {
    return state.places[state.chunks[index]] == place::wanted;
  };
  while (state.first_wanted < end && !is_wanted(state.first_wanted))
    ++state.first_wanted;
  std::vector<std::uint32_t> wanted;
  for (auto index = state.first_wanted; index < end && wanted.size() < looked_at_max; ++index)
    if (is_wanted(index))
      wanted.push_back(state.chunks[index]);
  return wanted;
}

std::optional<peer_question> choose_question(peer_reader_state& state,
                                             const std::vector<std::uint32_t>& wanted) {
  const auto fellows = fellows_here(state);
  if (fellows == 0)
    return choose_in_sequence(state, wanted);
  std::vector<std::size_t> order;
  for (std::size_t number = 0; number < state.links.size(); ++number)
    if (has_room(state.links[number], fellows))
      order.push_back(number);
  std::ranges::stable_sort(order, {}, [&](std::size_t number) {
    return std::tuple{state.links[number].kind == link_kind::source, state.links[number].asked};
  });
  for (const auto number : order)
    if (const auto index = choose_rarest(state, state.links[number], wanted))
      return peer_question{*index, number};
  return std::nullopt;
}

std::optional<std::size_t> find_brake(const peer_reader_state& state, meter::clock::time_point now,
                                      meter::clock::duration time_max) {
  if (state.copied_end == state.chunks.size())
    return std::nullopt;
  const auto first = state.chunks[state.copied_end];
  for (const auto& [transfer, made] : state.requests)
    if (made->chunk == first && state.links[made->link].kind == link_kind::fellow
        && state.at_sources[first] > 0 && now - made->since > time_max)
      return made->link;
  return std::nullopt;
}

std::optional<std::size_t> find_way(const peer_reader_state& state, const link& fellow) {
  std::optional<std::size_t> best;
  for (const auto way : fellow.ways)
    if (const auto& source = state.links[way];
        source.lost.empty() && (!best || source.heard > state.links[*best].heard))
      best = way;
  return best;
}

std::string why_lost(const peer_reader_state& state) {
  std::string text;
  for (const auto& one : state.links)
    if (one.kind == link_kind::source && !one.lost.empty())
      text += (text.empty() ? "" : "; ") + one.name + ": " + one.lost;
  if (!state.own_lost.empty())
    text += (text.empty() ? "" : "; ") + state.own_lost;
  return text;
}

peer_reader_state::link& add_link(peer_reader_state& state, link_kind kind, std::string name) {
  std::random_device random;
  auto& one = state.links.emplace_back();
  one.kind = kind;
  one.name = std::move(name);
  one.has.resize(state.context->plan.chunks.size());
  one.refused.resize(state.context->plan.chunks.size());
  one.next_tag = std::uint64_t{random()} << 32 | random();
  return one;
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
  if (!made.slab)
    made.slab = take_spare(state);
  if (made.slab)
    made.data = context.slabs->bytes(*made.slab).data();
  return made.slab.has_value();
}

void want_again(peer_reader_state& state, const peer_reader_state::request& made) {
  if (made.slab)
    state.context->slabs->give_back(*made.slab);
  else
    --state.unslabbed;
  state.places[made.chunk] = place::wanted;
  state.first_wanted = state.copied_end;
}

void leave_behind(peer_reader_state& state, const gpu::fabric& broken) {
  take_out(state.requests, broken, [&](const state_type::request& made) {
    if (made.slab)
      state.context->slabs->move(*made.slab);
    else
      static_cast<void>(state.source->weights().kept->move_room(made.chunk));
    want_again(state, made);
  });
  // These are only read, and whoever gets wrong bytes finds that out.
  take_out(state.sends, broken, [&](const state_type::sending& sent) { --state.held.at(sent.chunk).sends; });
}

void hold(peer_reader_state& state, const peer_reader_state::request& made) {
  state.places[made.chunk] = place::here;
  state.held[made.chunk] = {made.slab, made.data, 0};
  state.news_here.push_back(made.chunk);
  --state.missing;
}

void mark_copied(peer_reader_state& state, std::uint32_t chunk) {
  state.places[chunk] = place::copied;
  while (state.copied_end < state.chunks.size()
         && state.places[state.chunks[state.copied_end]] == place::copied)
    ++state.copied_end;
  const auto found = state.held.find(chunk);
  if (!found->second.slab) {
    --state.unslabbed;
  } else if (found->second.sends > 0 || has_fellows(state)) {
    state.spare.push_back(chunk);
  } else {
    state.context->slabs->give_back(*found->second.slab);
    state.held.erase(found);
  }
}

bool gives_anything(const peer_reader_state& state) {
  return state.source->weights().kept || state.context->slabs->count() >= slabs_per_send;
}

bool may_send_more(const peer_reader_state& state) {
  return state.source->weights().kept
         || (state.sends.size() + 1) * slabs_per_send <= state.context->slabs->count();
}

void note_refusal(peer_reader_state& state, peer_reader_state::link& link, std::uint32_t chunk) {
  set_has(state, link, chunk, false);
  link.refused[chunk] = true;
}

void set_has(peer_reader_state& state, peer_reader_state::link& link, std::uint32_t chunk, bool has) {
  if (chunk >= link.has.size() || link.has[chunk] == has || (has && link.refused[chunk]))
    return;
  link.has[chunk] = has;
  auto& count = (link.kind == link_kind::source ? state.at_sources : state.at_fellows)[chunk];
  count = static_cast<std::uint16_t>(has ? count + 1 : count - 1);
}

} // namespace ckpt::actors
