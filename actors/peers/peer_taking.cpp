// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which chunks are asked for, of whom, and what becomes of them.

#include "actors/peers/own_files.hpp"
#include "actors/peers/peer_choice.hpp"
#include "actors/peers/peer_exchange.hpp"
#include "actors/peers/peer_reader_steps.hpp"
#include "actors/update/chunk_source.hpp"
#include "io/read/resident_chunks.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace ckpt::actors::reading {
namespace {

using namespace std::chrono_literals;
using request = peer_reader_state::request;
using link_kind = peer_reader_state::link_kind;
using place = peer_reader_state::place;

/// How long a chunk that no source has may be on its way to a fellow, or be its news.
constexpr auto news_wait_max = 3s;

void note_asked(peer_reader_state& state, std::uint32_t chunk) {
  state.places[chunk] = place::asked;
  state.context->disk_meter.buckets.begin(state.context->plan.chunks[chunk].bucket);
}

/// Asks a source or a fellow for a chunk. Nothing when there is no place for it now, or the fellow had to be
/// given up.
[[nodiscard]] std::optional<wanted_chunk> ask(self_pointer self, std::uint32_t chunk, std::size_t index) {
  auto& state = self->state;
  const bool is_fellow = state.links[index].kind == link_kind::fellow;
  if (is_fellow && !connect_fellow(self, index))
    return std::nullopt;
  auto made = std::make_unique<request>();
  made->chunk = chunk;
  made->link = index;
  if (!take_room(state, *made))
    return std::nullopt;
  auto& one = state.links[index];
  made->tag = one.next_tag++;
  auto& under_way = *made;
  state.requests.emplace(&under_way, std::move(made));
  (is_fellow ? state.exchange : state.fabric)
      ->receive({under_way.data, state.context->plan.chunks[chunk].needed_bytes}, under_way.tag, under_way);
  note_asked(state, chunk);
  under_way.since = meter::clock::now();
  if (one.asked++ == 0)
    one.arrived = under_way.since;
  return wanted_chunk{chunk, under_way.tag};
}

/// Sends what was asked for: one message to each.
void send_questions(self_pointer self, const std::map<std::size_t, std::vector<wanted_chunk>>& questions) {
  auto& state = self->state;
  for (const auto& [index, chunks] : questions) {
    if (state.links[index].kind == link_kind::source) {
      self->send(state.source->weights().sources[index].actor, chunks_wanted{chunks});
      continue;
    }
    fellow_talk talk;
    talk.wanted = chunks;
    tell(self, state.links[index], std::move(talk));
  }
}

/// Reads a chunk from this host's own files. False when that has to wait.
[[nodiscard]] bool read_from_own(self_pointer self, std::uint32_t chunk) {
  auto& state = self->state;
  const auto& weights = state.source->weights();
  auto made = std::make_unique<request>();
  made->chunk = chunk;
  if (state.own_reads.size() == own_reads_max || !take_room(state, *made))
    return false;
  if (!state.own) {
    spdlog::warn("weights that no other host has any more are read from {}: {}",
                 weights.own_files->path.string(), why_lost(state));
    state.own = self->spawn<caf::monitored + caf::detached>(own_files, state.context, weights.own_files,
                                                            weights.kept);
  }
  self->send(state.own, read_own{chunk, made->data});
  note_asked(state, chunk);
  state.own_reads.emplace(chunk, std::move(made));
  return true;
}

/// True as long as a source has not answered: it first introduces the hosts that join.
[[nodiscard]] bool may_be_introduced(const peer_reader_state& state) {
  return state.exchange && std::ranges::any_of(state.links, [](const auto& one) {
           return one.kind == link_kind::source && one.lost.empty() && !one.endpoint;
         });
}

/// Chunks that nobody has: read from the own files, or the end.
void look_after_orphans(self_pointer self, const std::vector<std::uint32_t>& wanted) {
  auto& state = self->state;
  const auto& context = *state.context;
  const auto is_orphan = [&](auto chunk) {
    return state.places[chunk] == place::wanted && state.at_sources[chunk] == 0
           && state.at_fellows[chunk] == 0;
  };
  const auto orphan = std::ranges::find_if(wanted, is_orphan);
  if (orphan == wanted.end()) {
    state.orphaned.reset();
    return;
  }
  if (state.source->weights().own_files && state.own_lost.empty()) {
    for (const auto chunk : wanted)
      if (is_orphan(chunk) && !read_from_own(self, chunk))
        return;
    return;
  }
  const auto now = meter::clock::now();
  if ((has_fellows(state) || may_be_introduced(state))
      && now - state.orphaned.value_or(now) < news_wait_max) {
    state.orphaned = state.orphaned.value_or(now); // It may be a fellow's news soon.
    return;
  }
  const auto& planned = context.plan.chunks[*orphan];
  fail(self, {ec::host_lost, context.checkpoint.files[planned.file].path.string() + " at "
                                 + std::to_string(planned.window.offset)
                                 + ": no host that has these bytes is left: " + why_lost(state)});
}

/// Another one has to bring this chunk.
void put_back(self_pointer self, const request& made) {
  want_again(self->state, made);
  tick_soon(self);
}

[[nodiscard]] bool is_right(const peer_reader_state& state, const request& made) {
  const auto bytes = state.context->plan.chunks[made.chunk].needed_bytes;
  return io::chunk_digest({made.data, bytes}) == state.source->weights().digests[made.chunk];
}

void hand_over(self_pointer self, const request& made, std::uint64_t& bytes) {
  auto& state = self->state;
  const auto& planned = state.context->plan.chunks[made.chunk];
  hold(state, made);
  if (state.missing == 0 && state.source->weights().kept)
    spdlog::info("all weights are in the memory of this host");
  bytes += planned.needed_bytes;
  state.context->disk_meter.add_bytes(planned.needed_bytes);
  state.context->disk_meter.buckets.end_piece(planned.bucket,
                                              state.context->plan.buckets[planned.bucket].chunks.size());
  self->send(state.stagers[device_of(*state.context, planned)],
             chunk_ready{made.chunk, made.slab, made.data});
}

/// A request to a source or a fellow has come to its end.
void on_end(self_pointer self, const request& made) {
  auto& state = self->state;
  auto& from = state.links[made.link];
  --from.asked;
  if (made.is_refused && made.failure != nullptr)
    return put_back(self, made);
  from.heard = from.arrived = meter::clock::now();
  if (made.failure == nullptr && is_right(state, made)) {
    from.is_no_stranger = true;
    return hand_over(self, made, from.kind == link_kind::source ? state.bytes.sources : state.bytes.fellows);
  }
  put_back(self, made);
  lose(self, made.link,
       made.failure != nullptr
           ? std::string{"receiving from it failed: "} + made.failure
           : "it sent bytes that are not those which it had read: its memory is not to be trusted");
}

} // namespace

void settle(self_pointer self) {
  auto& state = self->state;
  std::vector<gpu::fabric_transfer*> completed;
  for_each_fabric(state, [&](gpu::fabric& one) {
    const auto more = one.take_completed();
    completed.insert(completed.end(), more.begin(), more.end());
  });
  for (auto* transfer : completed) {
    if (const auto asked = state.requests.find(transfer); asked != state.requests.end()) {
      const auto made = std::move(asked->second);
      state.requests.erase(asked);
      on_end(self, *made);
    } else if (const auto given = state.sends.find(transfer); given != state.sends.end()) {
      const auto sent = std::move(given->second);
      state.sends.erase(given);
      on_sent(self, *sent);
    }
  }
}

void on_own(self_pointer self, const own_read& read) {
  auto& state = self->state;
  const auto found = state.own_reads.find(read.chunk);
  if (found == state.own_reads.end() || state.failed)
    return;
  const auto made = std::move(found->second);
  state.own_reads.erase(found);
  if (read.is_stuck) // Its room is not given back. Where chunks are kept there is no other.
    return fail(self, {ec::timed_out, read.why_not});
  const auto& file = state.source->weights().own_files->files[state.context->plan.chunks[read.chunk].file];
  if (read.why_not.empty() && is_right(state, *made)) {
    hand_over(self, *made, state.bytes.own);
  } else {
    state.own_lost =
        read.why_not.empty() ? file.path.string() + ": has other bytes than the hosts had" : read.why_not;
    want_again(state, *made);
  }
  pump(self);
}

void pump(self_pointer self) {
  auto& state = self->state;
  std::map<std::size_t, std::vector<wanted_chunk>> questions;
  auto wanted = wanted_chunks(state);
  while (!state.failed && !wanted.empty()) {
    const auto chosen = choose_question(state, wanted);
    if (!chosen)
      break;
    const auto chunk = wanted[chosen->index];
    const auto asked = ask(self, chunk, chosen->link);
    if (!asked)
      break;
    questions[chosen->link].push_back(*asked);
    wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(chosen->index));
  }
  send_questions(self, questions);
  if (!state.failed)
    look_after_orphans(self, wanted);
  state.context->disk_meter.set_busy(!state.requests.empty() || !state.own_reads.empty());
  keep_ticking(self);
}

} // namespace ckpt::actors::reading
