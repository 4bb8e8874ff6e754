// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_exchange.hpp"

#include "actors/peers/peer_choice.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::actors::reading {
namespace {

using namespace std::chrono_literals;
using link = peer_reader_state::link;
using link_kind = peer_reader_state::link_kind;
using sending = peer_reader_state::sending;

constexpr std::size_t fellows_max = 16;
constexpr std::size_t links_max = 256; ///< those that are gone among them
constexpr std::size_t wants_max = 8;
constexpr std::size_t sends_max = 4;

/// Meanwhile nothing else is done. Where hosts that join cannot reach each other, this is not tried with one
/// after the other.
constexpr auto connect_time_max = 1s;
constexpr unsigned strangers_max = 3;

/// Each message to a fellow is also one of a source.
constexpr auto news_interval = 50ms;

[[nodiscard]] std::optional<std::size_t> index_of(const peer_reader_state& state, std::uint64_t id) {
  const auto found = std::ranges::find_if(
      state.links, [id](const link& one) { return one.kind == link_kind::fellow && one.who.id == id; });
  if (found == state.links.end())
    return std::nullopt;
  return static_cast<std::size_t>(found - state.links.begin());
}

void say(self_pointer self, std::size_t way, std::uint64_t to, fellow_talk talk) {
  talk.from = self->state.id;
  talk.to = to;
  self->send(self->state.source->weights().sources[way].actor, std::move(talk));
}

/// Begins to send the next chunk that a fellow waits for. False when there is none, or no room.
[[nodiscard]] bool send_next(self_pointer self, std::size_t index) {
  auto& state = self->state;
  if (state.links[index].wanted.empty() || state.links[index].sends == sends_max || !may_send_more(state))
    return false;
  const auto next = state.links[index].wanted.front();
  const auto found = state.held.find(next.chunk);
  if (found == state.held.end()) {
    state.links[index].wanted.pop_front();
    fellow_talk refusal;
    refusal.refused.push_back(next);
    tell(self, state.links[index], std::move(refusal));
    return true;
  }
  const auto bytes = state.context->plan.chunks[next.chunk].needed_bytes;
  if (!connect_fellow(self, index) || !state.pace.may_send(bytes))
    return false;
  auto& to = state.links[index];
  to.wanted.pop_front();
  if (to.sends++ == 0)
    to.sent = meter::clock::now();
  ++found->second.sends;
  auto sent = std::make_unique<sending>();
  sent->chunk = next.chunk;
  sent->link = index;
  auto& under_way = *sent;
  state.sends.emplace(&under_way, std::move(sent));
  to.endpoint->send({found->second.data, bytes}, next.tag, under_way);
  return true;
}

} // namespace

void on_fellow(self_pointer self, const fellow& who, std::size_t way) {
  auto& state = self->state;
  if (!state.links[way].lost.empty())
    return;
  if (const auto known = index_of(state, who.id)) {
    auto& ways = state.links[*known].ways;
    if (std::ranges::find(ways, way) == ways.end())
      ways.push_back(way);
    state.links[*known].is_told_all = false; // It may not have known this host any more.
    return;
  }
  const auto fellows = std::ranges::count_if(
      state.links, [](const link& one) { return one.kind == link_kind::fellow && one.lost.empty(); });
  if (state.failed || !state.exchange || who.id == state.id
      || static_cast<std::size_t>(fellows) == fellows_max || state.links.size() >= links_max
      || state.strangers >= strangers_max)
    return;
  auto& one = add_link(state, link_kind::fellow, io::printable(who.name));
  one.who = who;
  one.ways = {way};
  tell_news(self);
}

void on_gone(self_pointer self, const fellow_gone& who) {
  auto& state = self->state;
  const auto index = index_of(state, who.id);
  if (!index)
    return;
  // To leave in order says nothing against the network. UCX may have told of it first.
  auto& one = state.links[*index];
  one.is_no_stranger = true;
  if (std::exchange(one.is_stranger, false))
    --state.strangers;
  lose(self, *index, "it takes no more weights");
}

void part_from(self_pointer self, link& one) {
  fellow_talk last;
  last.is_over = true;
  tell(self, one, std::move(last));
  if (one.endpoint && !one.is_no_stranger) {
    one.is_stranger = true;
    ++self->state.strangers;
  }
}

void lose_the_unreachable(self_pointer self) {
  auto& state = self->state;
  for (std::size_t index = 0; index < state.links.size(); ++index) {
    auto& one = state.links[index];
    if (one.kind != link_kind::fellow || !one.lost.empty() || find_way(state, one))
      continue;
    one.is_no_stranger = true;
    lose(self, index, "no source is left that passes messages on");
    one.who.id = 0; // A source that is to answer yet may introduce it once more.
  }
}

void on_talk(self_pointer self, const fellow_talk& talk, std::size_t way) {
  auto& state = self->state;
  if (state.failed || talk.to != state.id)
    return;
  const auto index = index_of(state, talk.from);
  if (!index || !state.links[*index].lost.empty()) {
    if (!talk.wanted.empty()) // It must not wait for what does not come.
      say(self, way, talk.from, {0, 0, {}, {}, {}, {}, true});
    return;
  }
  if (talk.is_over) {
    state.links[*index].is_no_stranger = true;
    return lose(self, *index, "it exchanges nothing with this host any more");
  }
  auto& from = state.links[*index];
  for (const auto chunk : talk.here)
    set_has(state, from, chunk, true);
  for (const auto chunk : talk.gone)
    set_has(state, from, chunk, false);
  // The tag counts, whatever number stands beside it: the chunk would be asked for again and again.
  for (const auto& refused : talk.refused)
    for (auto& [transfer, made] : state.requests)
      if (made->link == *index && made->tag == refused.tag) {
        note_refusal(state, from, made->chunk);
        made->is_refused = true;
        transfer->local->cancel(*transfer);
      }
  fellow_talk refusal;
  for (const auto& wanted : talk.wanted)
    if (from.wanted.size() < wants_max && wanted.chunk < state.places.size())
      from.wanted.push_back(wanted);
    else
      refusal.refused.push_back(wanted);
  if (!refusal.refused.empty())
    tell(self, from, std::move(refusal));
  serve(self);
  pump(self);
}

bool connect_fellow(self_pointer self, std::size_t index) {
  auto& state = self->state;
  auto& one = state.links[index];
  if (one.endpoint)
    return true;
  if (state.strangers >= strangers_max) {
    lose(self, index, "hosts that join do not reach each other here");
    return false;
  }
  try {
    one.endpoint =
        std::make_unique<gpu::fabric_endpoint>(*state.exchange, one.who.exchange_address, connect_time_max);
    return true;
  } catch (const std::exception& error) {
    ++state.strangers;
    lose(self, index, error.what());
    return false;
  }
}

void tell(self_pointer self, const link& to, fellow_talk talk) {
  if (const auto way = find_way(self->state, to))
    say(self, *way, to.who.id, std::move(talk));
}

void tell_news(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  if (now - state.told < news_interval)
    return;
  state.told = now;
  for (auto& one : state.links) {
    if (one.kind != link_kind::fellow || !one.lost.empty())
      continue;
    fellow_talk talk{0, 0, state.news_here, state.news_gone, {}, {}, false};
    if (!std::exchange(one.is_told_all, true)) {
      talk.here.clear();
      talk.gone.clear();
      for (const auto& [chunk, holding] : state.held)
        talk.here.push_back(chunk);
    }
    if (!gives_anything(state))
      talk.here.clear();
    if (!talk.here.empty() || !talk.gone.empty())
      tell(self, one, std::move(talk));
  }
  state.news_here.clear();
  state.news_gone.clear();
}

void serve(self_pointer self) {
  auto& state = self->state;
  for (bool has_sent = true; has_sent && !state.failed;) {
    has_sent = false;
    for (std::size_t index = state.source->weights().sources.size(); index < state.links.size(); ++index)
      if (state.links[index].lost.empty())
        has_sent = send_next(self, index) || has_sent;
  }
  keep_ticking(self);
}

void on_sent(self_pointer self, const sending& sent) {
  auto& state = self->state;
  auto& to = state.links[sent.link];
  --to.sends;
  to.sent = meter::clock::now();
  --state.held.at(sent.chunk).sends;
  if (sent.failure != nullptr)
    return lose(self, sent.link, std::string{"sending to it failed: "} + sent.failure);
  to.is_no_stranger = true;
  state.bytes.passed_on += state.context->plan.chunks[sent.chunk].needed_bytes;
}

} // namespace ckpt::actors::reading
