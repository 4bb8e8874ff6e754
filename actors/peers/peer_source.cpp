// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_source.hpp"

#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/cluster/introductions.hpp"
#include "actors/update/chunk_source.hpp"
#include "io/plan/plan_digest.hpp"

#include <algorithm>
#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = peer_source_actor::stateful_pointer<peer_source_state>;
using reader = peer_source_state::reader;
using sending = peer_source_state::sending;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 1ms;

/// Of progress in one look: a host that floods this one must not keep messages waiting for ever.
constexpr unsigned steps_max = 10'000;

/// Meanwhile nobody else gets anything. A host that joins reaches this one over the same network.
constexpr auto connect_time_max = 3s;

constexpr std::size_t readers_max = 1'024;
constexpr std::size_t wanted_max = 4'096;

/// For one reader: enough to keep a link full.
constexpr std::size_t under_way_max = 16;

[[nodiscard]] cause stranger(const peer_source_options& options) {
  return {ec::host_disagrees, options.share.name
                                  + " has another secret: the file of --load-metas-file is not that of the "
                                    "version which is offered there now"};
}

[[nodiscard]] peer_share on_hello(const peer_source_state& state, const peer_hello& hello) {
  peer_share answer;
  if (hello.protocol != protocol_version) {
    answer.failed = {ec::host_disagrees, state.options.share.name + " has another version of this program"};
    return answer;
  }
  if (!state.options.secret->is(hello.secret)) {
    answer.failed = stranger(state.options);
    return answer;
  }
  answer = state.options.share;
  if (hello.wants_table)
    answer.table = table_of(state.options.version->checkpoint, state.options.version->plan.bucket_bytes,
                            state.options.chunk_bytes, state.options.keep_together);
  return answer;
}

void keep_ticking(self_pointer self) {
  auto& state = self->state;
  if (state.ticking || state.readers.empty())
    return;
  state.ticking = true;
  self->send(self, tick_atom_v);
}

[[nodiscard]] peer_reader_actor to(const caf::strong_actor_ptr& whom) {
  return caf::actor_cast<peer_reader_actor>(whom);
}

/// Tells a newcomer of others that join, and those of it.
void introduce(self_pointer self, const reader& newcomer) {
  auto& state = self->state;
  const auto id = newcomer.described.id;
  if (id == 0 || newcomer.described.exchange_address.empty()
      || !state.reader_by_id.emplace(id, newcomer.actor).second)
    return;
  for (const auto other : state.fellowships[newcomer.share_digest].add(id)) {
    const auto& known = state.readers.at(state.reader_by_id.at(other)->address());
    self->send(to(known.actor), newcomer.described);
    self->send(to(newcomer.actor), known.described);
  }
}

/// Tells those that knew a reader.
void part_with(self_pointer self, const reader& leaving) {
  auto& state = self->state;
  const auto known = state.reader_by_id.find(leaving.described.id);
  if (known == state.reader_by_id.end() || known->second != leaving.actor)
    return;
  state.reader_by_id.erase(known);
  const auto its = state.fellowships.find(leaving.share_digest);
  for (const auto other : its->second.remove(leaving.described.id))
    self->send(to(state.reader_by_id.at(other)), fellow_gone{leaving.described.id});
  if (its->second.is_empty())
    state.fellowships.erase(its);
}

[[nodiscard]] bool is_short(const fellow_talk& talk, std::size_t chunks) {
  return talk.here.size() <= chunks && talk.gone.size() <= chunks && talk.wanted.size() <= chunks
         && talk.refused.size() <= chunks;
}

void pass_on(self_pointer self, const fellow_talk& talk) {
  auto& state = self->state;
  const auto who = self->current_sender();
  const auto known = who == nullptr ? state.readers.end() : state.readers.find(who->address());
  if (known == state.readers.end() || known->second.described.id != talk.from
      || !is_short(talk, state.options.version->plan.chunks.size()))
    return;
  const auto its = state.fellowships.find(known->second.share_digest);
  if (its != state.fellowships.end() && its->second.know_each_other(talk.from, talk.to))
    self->send(to(state.reader_by_id.at(talk.to)), talk);
}

void tell_alive(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  if (now - state.told_alive < alive_interval)
    return;
  state.told_alive = now;
  for (const auto& [address, one] : state.readers)
    self->send(to(one.actor), source_alive_atom_v);
}

/// Connects to a host that joins. Throws what gpu::fabric_endpoint throws.
void add_reader(self_pointer self, const caf::strong_actor_ptr& who, const peer_line& line) {
  auto& state = self->state;
  reader one;
  one.actor = who;
  one.endpoint = std::make_unique<gpu::fabric_endpoint>(*state.fabric, line.data_address, connect_time_max);
  one.described = {line.id, line.name, line.exchange_address};
  one.share_digest = line.share_digest;
  introduce(self, state.readers.emplace(who->address(), std::move(one)).first->second);
}

[[nodiscard]] peer_line on_line(self_pointer self, const peer_line& line) {
  auto& state = self->state;
  peer_line answer;
  const auto who = self->current_sender();
  if (!state.options.secret->is(line.secret)) {
    answer.failed = stranger(state.options);
    return answer;
  }
  if (who == nullptr || state.readers.contains(who->address()) || state.readers.size() == readers_max) {
    answer.failed = {ec::host_disagrees,
                     state.options.share.name + " serves this one already, or too many others"};
    return answer;
  }
  if (line.name.size() > peer_name_bytes_max || line.data_address.size() > peer_address_bytes_max
      || line.exchange_address.size() > peer_address_bytes_max) {
    answer.failed = {ec::host_disagrees, state.options.share.name
                                             + " was told a name or an address that is "
                                               "too long"};
    return answer;
  }
  tell_alive(self); // Several hosts that do not answer, one after the other, would make this one seem dead.
  try {
    if (!state.fabric)
      state.fabric = std::make_unique<gpu::fabric>(state.options.network);
    answer.data_address = state.fabric->address();
    add_reader(self, who, line);
  } catch (const std::exception& error) {
    answer.failed = {ec::host_lost, state.options.share.name + " cannot be connected to: " + error.what()};
    return answer;
  }
  self->monitor(who);
  keep_ticking(self);
  return answer;
}

/// Sends the next chunk that `one` waits for. False when there is none, or no room.
[[nodiscard]] bool send_next(peer_source_state& state, const caf::actor_addr& address, reader& one) {
  const auto is_its = [&](const auto& each) { return each.second->reader == address; };
  if (one.wanted.empty()
      || static_cast<std::size_t>(std::ranges::count_if(state.under_way, is_its)) >= under_way_max)
    return false;
  const auto wanted = one.wanted.front();
  const auto bytes = state.options.version->plan.chunks[wanted.chunk].needed_bytes;
  if (!state.pace.may_send(bytes))
    return false;
  one.wanted.pop_front();
  auto sent = std::make_unique<sending>();
  sent->chunk = wanted.chunk;
  sent->reader = address;
  auto* transfer = static_cast<gpu::fabric_transfer*>(sent.get());
  state.under_way.emplace(transfer, std::move(sent));
  one.endpoint->send({state.options.version->resident->find(wanted.chunk), bytes}, wanted.tag, *transfer);
  state.served_last = address;
  return true;
}

/// Sends what is wanted and has room: a chunk to each reader in turn.
void pump(self_pointer self) {
  auto& state = self->state;
  for (bool has_sent = true; has_sent;) {
    has_sent = false;
    auto next = state.readers.upper_bound(state.served_last);
    for (std::size_t looked_at = 0; looked_at < state.readers.size(); ++looked_at, ++next) {
      if (next == state.readers.end())
        next = state.readers.begin();
      has_sent = send_next(state, next->first, next->second) || has_sent;
    }
  }
}

void on_wanted(self_pointer self, const chunks_wanted& message) {
  auto& state = self->state;
  const auto who = self->current_sender();
  const auto known = who == nullptr ? state.readers.end() : state.readers.find(who->address());
  if (known == state.readers.end())
    return;
  for (const auto& wanted : message.chunks) {
    if (known->second.wanted.size() < wanted_max && wanted.chunk < state.options.version->plan.chunks.size()
        && state.options.version->resident->find(wanted.chunk) != nullptr)
      known->second.wanted.push_back(wanted);
    else
      self->send(to(known->second.actor),
                 chunk_refused{wanted.chunk, "it does not have that chunk, or too many are asked for"});
  }
  pump(self);
  keep_ticking(self);
}

void settle(self_pointer self) {
  auto& state = self->state;
  for (auto* transfer : state.fabric->take_completed()) {
    const auto found = state.under_way.find(transfer);
    if (found == state.under_way.end())
      continue;
    const auto& sent = *found->second;
    const auto known = state.readers.find(sent.reader);
    if (sent.failure != nullptr && known != state.readers.end())
      self->send(to(known->second.actor),
                 chunk_refused{sent.chunk, std::string{"sending it failed: "} + sent.failure});
    state.under_way.erase(found);
  }
}

void lose(self_pointer self, const caf::actor_addr& who) {
  auto& state = self->state;
  if (const auto known = state.readers.find(who); known != state.readers.end()) {
    part_with(self, known->second);
    state.readers.erase(known); // Closes the connection; its transfers come back as failed.
  }
  if (!state.fabric)
    return;
  settle(self);
  if (state.readers.empty() && state.under_way.empty())
    state.fabric.reset(); // Frees what UCX keeps for former readers.
}

void look(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  if (!state.fabric)
    return;
  // Short messages count as sent before they are: UCX has to be driven as long as somebody may wait for them.
  state.fabric->wait(completion_wait);
  for (unsigned step = 0; step < steps_max && state.fabric->progress(); ++step) {
  }
  if (state.fabric->is_broken()) {
    spdlog::error("UCX called abort(): no weights for hosts that join from here any more");
    self->quit(caf::exit_reason::unhandled_exception); // Readers notice, and go on without it.
    return;
  }
  settle(self);
  pump(self);
  tell_alive(self);
  keep_ticking(self);
}

} // namespace

bool peer_secret::is(std::string_view text) const {
  const std::lock_guard lock{mutex_};
  if (secret_.empty() || text.size() != secret_.size())
    return false;
  unsigned differs = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    differs |= static_cast<unsigned char>(text[i]) ^ static_cast<unsigned char>(secret_[i]);
  return differs == 0;
}

weights_table table_of(const io::checkpoint& checkpoint, std::uint64_t bucket_bytes,
                       std::uint64_t chunk_bytes, std::vector<std::string> keep_together) {
  weights_table table;
  table.checkpoint_path = checkpoint.path.string();
  for (const auto& file : checkpoint.files)
    table.files.push_back({file.path.filename().string(), file.bytes, file.data_offset});
  table.tensors = checkpoint.tensors;
  table.tensor_bytes = checkpoint.tensor_bytes;
  table.bucket_bytes = bucket_bytes;
  table.chunk_bytes = chunk_bytes;
  table.keep_together = std::move(keep_together);
  return table;
}

peer_share share_of(const weights_version& version, const cluster_layout& layout, std::string name) {
  peer_share share;
  share.name = std::move(name);
  share.tables_digest = io::digest_of_tables(version.checkpoint, version.plan);
  share.chunks = owned_chunks(layout, version.plan);
  for (const auto chunk : share.chunks)
    share.digests.push_back(version.resident->digest(chunk));
  return share;
}

peer_source_actor::behavior_type peer_source(self_pointer self, peer_source_options options) {
  self->state.options = std::move(options);
  self->state.pace = send_pace{self->state.options.bytes_per_second_max};
  self->set_down_handler([self](const caf::down_msg& down) { lose(self, down.source); });
  self->set_exit_handler([self](const caf::exit_msg& message) {
    if (self->state.options.secret->is_withdrawn())
      self->quit(message.reason);
  });
  return {
      [self](const peer_hello& hello) { return on_hello(self->state, hello); },
      [self](const peer_line& line) { return on_line(self, line); },
      [self](const chunks_wanted& wanted) { on_wanted(self, wanted); },
      [self](const fellow_talk& talk) { pass_on(self, talk); },
      [self](tick_atom) {
        if (self->current_sender() == self->ctrl())
          look(self);
      },
  };
}

} // namespace ckpt::actors
