// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_reader.hpp"

#include "actors/cluster/introductions.hpp"
#include "actors/peers/own_files.hpp"
#include "actors/peers/peer_choice.hpp"
#include "actors/update/deadlines.hpp"
#include "io/error.hpp"
#include "io/read/resident_chunks.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <caf/exit_reason.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = peer_reader_actor::stateful_pointer<peer_reader_state>;
using request = peer_reader_state::request;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 2ms;

/// How often the actor looks whether sources are alive while nothing is under way.
constexpr auto idle_wait = 100ms;

/// A source that is silent for so long is given up. It sends a heartbeat twice a second, except for up to ten
/// seconds while it tries in vain to connect to another host that joins.
constexpr auto silence_max = 12s;

void fail(self_pointer self, cause why) {
  auto& state = self->state;
  if (state.failed)
    return;
  state.failed = true;
  self->send(state.conductor, part_failed{std::move(why)});
}

void keep_ticking(self_pointer self) {
  auto& state = self->state;
  if (state.ticking || state.failed)
    return;
  state.ticking = true;
  if (state.requests.empty())
    self->delayed_send(self, idle_wait, tick_atom_v);
  else
    self->send(self, tick_atom_v);
}

/// True when the chunk may be read from this host's own files.
[[nodiscard]] bool is_own(const peer_reader_state& state) {
  return state.source->weights().own_files && state.own_lost.empty();
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
  state.own_reads.emplace(chunk, std::move(made));
  return true;
}

/// The chunk that pump() has just asked for is under way.
void take_from_queue(peer_reader_state& state) {
  const auto chunk = state.again.empty() ? state.chunks[state.next] : state.again.front();
  state.context->disk_meter.buckets.begin(state.context->plan.chunks[chunk].bucket);
  if (state.again.empty())
    ++state.next;
  else
    state.again.pop_front();
}

/// Asks for as many chunks as there are slabs, and sources with room.
void pump(self_pointer self) {
  auto& state = self->state;
  const auto& context = *state.context;
  std::map<std::size_t, chunks_wanted> wanted;
  while (!state.failed && (!state.again.empty() || state.next < state.chunks.size())) {
    const auto chunk = state.again.empty() ? state.chunks[state.next] : state.again.front();
    const auto& planned = context.plan.chunks[chunk];
    bool is_possible = false;
    const auto from = choose_source(state, chunk, is_possible);
    if (!is_possible && is_own(state)) {
      if (!read_from_own(self, chunk))
        break;
      take_from_queue(state);
      continue;
    }
    if (!is_possible) {
      fail(self, {ec::host_lost, context.checkpoint.files[planned.file].path.string() + " at "
                                     + std::to_string(planned.window.offset)
                                     + ": no host that has these bytes is left: " + why_lost(state)});
      break;
    }
    if (!from)
      break;
    auto made = std::make_unique<request>();
    made->chunk = chunk;
    made->link = *from;
    if (!take_room(state, *made))
      break;
    take_from_queue(state);
    auto& under_way = *made;
    state.requests.emplace(&under_way, std::move(made));
    const auto tag = state.next_tag++;
    state.fabric->receive({under_way.data, planned.needed_bytes}, tag, under_way);
    auto& link = state.links[*from];
    if (link.asked++ == 0)
      link.arrived = meter::clock::now();
    wanted[*from].chunks.push_back({chunk, tag});
  }
  for (auto& [from, message] : wanted)
    self->send(state.source->weights().sources[from].actor, std::move(message));
  state.context->disk_meter.set_busy(!state.requests.empty() || !state.own_reads.empty());
  keep_ticking(self);
}

/// Gives up a source. The chunks that it still owes are taken from others.
void lose(self_pointer self, std::size_t index, const std::string& why) {
  auto& state = self->state;
  auto& one = state.links[index];
  if (!one.lost.empty() || state.failed)
    return;
  one.lost = why;
  spdlog::warn("{} is not asked for weights any more: {}", state.source->weights().sources[index].name, why);
  for (auto& [transfer, made] : state.requests)
    if (made->link == index)
      state.fabric->cancel(*transfer);
  one.endpoint.reset(); // That ends what is arriving already.
  pump(self);
}

/// Another one has to bring this chunk.
void put_back(peer_reader_state& state, const request& made) {
  give_room_back(state, made.slab);
  state.again.push_back(made.chunk);
}

[[nodiscard]] bool is_right(const peer_reader_state& state, const request& made) {
  const auto bytes = state.context->plan.chunks[made.chunk].needed_bytes;
  return io::chunk_digest({made.data, bytes}) == state.source->weights().digests[made.chunk];
}

void hand_over(self_pointer self, const request& made) {
  auto& state = self->state;
  const auto& planned = state.context->plan.chunks[made.chunk];
  state.context->disk_meter.add_bytes(planned.needed_bytes);
  state.context->disk_meter.buckets.end_piece(planned.bucket,
                                              state.context->plan.buckets[planned.bucket].chunks.size());
  self->send(state.stagers[device_of(*state.context, planned)],
             chunk_ready{made.chunk, made.slab, made.data});
}

void settle(self_pointer self) {
  auto& state = self->state;
  for (auto* transfer : state.fabric->take_completed()) {
    const auto found = state.requests.find(transfer);
    if (found == state.requests.end())
      continue;
    const auto made = std::move(found->second);
    state.requests.erase(found);
    auto& from = state.links[made->link];
    --from.asked;
    from.heard = from.arrived = meter::clock::now();
    if (made->failure == nullptr && is_right(state, *made)) {
      hand_over(self, *made);
      continue;
    }
    put_back(state, *made);
    lose(self, made->link,
         made->failure != nullptr
             ? std::string{"receiving from it failed: "} + made->failure
             : "it sent bytes that are not those which it had read: its memory is not to be trusted");
  }
}

void on_own(self_pointer self, const own_read& read) {
  auto& state = self->state;
  const auto found = state.own_reads.find(read.chunk);
  if (found == state.own_reads.end() || state.failed)
    return;
  const auto made = std::move(found->second);
  state.own_reads.erase(found);
  const auto& file = state.source->weights().own_files->files[state.context->plan.chunks[read.chunk].file];
  if (read.why_not.empty() && is_right(state, *made)) {
    hand_over(self, *made);
  } else {
    state.own_lost =
        read.why_not.empty() ? file.path.string() + ": has other bytes than the hosts had" : read.why_not;
    state.again.push_back(
        made->chunk); // Its room is not given back: a read that is stuck may still write there.
  }
  pump(self);
}

void look_for_the_silent(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  if (now - state.last_look < alive_interval)
    return;
  state.last_look = now;
  state.looks.look(now, alive_interval);
  for (std::size_t index = 0; index < state.links.size(); ++index) {
    auto& one = state.links[index];
    one.heard = state.looks.forgiving(one.heard);
    if (one.endpoint && one.endpoint->failure() != nullptr)
      lose(self, index, std::string{"its connection failed: "} + one.endpoint->failure());
    else if (one.endpoint && now - one.heard > silence_max)
      lose(self, index, "no sign of life for " + describe_seconds(silence_max));
    else if (one.endpoint && one.asked > 0 && now - one.arrived > state.context->options.timeout)
      lose(self, index, "it sent nothing for " + describe_seconds(state.context->options.timeout));
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  if (!state.requests.empty())
    state.fabric->wait(completion_wait);
  while (state.fabric->progress()) {
  }
  settle(self);
  look_for_the_silent(self);
  if (state.fabric->is_broken())
    fail(self, {ec::unspecified, "UCX called abort(): the data network of this process is broken"});
  else
    pump(self);
}

void connect(self_pointer self) {
  auto& state = self->state;
  const auto& sources = state.source->weights().sources;
  state.fabric = std::make_unique<gpu::fabric>(state.source->weights().network);
  state.links.resize(sources.size());
  for (std::size_t index = 0; index < sources.size(); ++index) {
    const auto& source = sources[index];
    state.links[index].has.resize(state.context->plan.chunks.size());
    for (const auto chunk : source.chunks)
      state.links[index].has.at(chunk) = true;
    self->monitor(source.actor);
    self->request(source.actor, std::min<std::chrono::milliseconds>(state.context->options.timeout, 10s),
                  peer_line{state.source->weights().secret, state.fabric->address(), {}})
        .then(
            [self, index](const peer_line& theirs) {
              auto& one = self->state.links[index];
              if (!one.lost.empty())
                return;
              if (theirs.failed.code != ec::none)
                return lose(self, index, theirs.failed.what);
              try {
                one.endpoint =
                    std::make_unique<gpu::fabric_endpoint>(*self->state.fabric, theirs.data_address);
              } catch (const std::exception& error) {
                return lose(self, index, error.what());
              }
              one.heard = meter::clock::now();
              pump(self);
            },
            [self, index](const caf::error& error) {
              lose(self, index, "it does not answer: " + self->system().render(error));
            });
  }
}

[[nodiscard]] std::optional<std::size_t> index_of(const peer_reader_state& state,
                                                  const caf::actor_addr& who) {
  const auto& sources = state.source->weights().sources;
  const auto found =
      std::ranges::find_if(sources, [&](const auto& one) { return one.actor.address() == who; });
  if (found == sources.end())
    return std::nullopt;
  return static_cast<std::size_t>(found - sources.begin());
}

/// The index of the source that sent the message which is handled now.
[[nodiscard]] std::optional<std::size_t> sender(self_pointer self) {
  const auto who = self->current_sender();
  return who == nullptr ? std::nullopt : index_of(self->state, who->address());
}

/// Afterwards nothing writes to slabs or kept chunks any more; if that fails, their memory is never freed.
void end(self_pointer self) {
  auto& state = self->state;
  state.failed = true;
  state.context->disk_meter.set_busy(false);
  for (auto& one : state.links)
    one.endpoint.reset();
  if (!state.fabric)
    return;
  for (auto& [transfer, made] : state.requests)
    state.fabric->cancel(*transfer);
  const auto deadline = meter::clock::now() + 1s;
  while (!state.requests.empty() && meter::clock::now() < deadline && !state.fabric->is_broken()) {
    state.fabric->progress();
    for (auto* transfer : state.fabric->take_completed())
      state.requests.erase(transfer);
  }
  if (!state.requests.empty()) {
    spdlog::error("weights of other hosts are still arriving; their memory is left alone");
    state.context->slabs->abandon();
    if (const auto& kept = state.source->weights().kept)
      kept->abandon();
    static_cast<void>(state.fabric.release());
    for (auto& [transfer, made] : state.requests)
      static_cast<void>(made.release());
  }
}

} // namespace

chunk_source_actor peer_chunks::spawn(caf::actor_system& system, const update_ptr& context,
                                      const conductor_actor& conductor,
                                      const std::vector<stager_actor>& stagers) const {
  return system.spawn(peer_reader, context, conductor, stagers,
                      std::static_pointer_cast<const peer_chunks>(context->version->source));
}

peer_reader_actor::behavior_type peer_reader(self_pointer self, update_ptr context, conductor_actor conductor,
                                             std::vector<stager_actor> stagers,
                                             std::shared_ptr<const peer_chunks> source) {
  auto& state = self->state;
  state.context = std::move(context);
  state.conductor = std::move(conductor);
  state.stagers = std::move(stagers);
  state.source = std::move(source);
  state.chunks = owned_chunks(state.context->layout, state.context->plan);
  std::random_device random;
  state.next_tag = std::uint64_t{random()} << 32 | random();
  state.context->reader_engine = "peers";
  self->set_exit_handler([self](const caf::exit_msg& message) {
    end(self);
    if (self->state.own) // It may still read to slabs.
      self->send_exit(self->state.own, message.reason);
    else
      self->quit(message.reason);
  });
  self->set_down_handler([self](const caf::down_msg& down) {
    if (self->state.own && down.source == self->state.own.address())
      return self->quit(down.reason);
    if (const auto index = index_of(self->state, down.source))
      lose(self, *index, "its process ended or its connection broke");
  });
  return {
      [self](start_atom) {
        try {
          connect(self);
          pump(self);
        } catch (const std::exception& error) {
          fail(self, to_cause(error));
        }
      },
      [self](const slab_free& freed) {
        give_room_back(self->state, freed.slab);
        pump(self);
      },
      [self](check_atom) {
        if (!self->state.failed)
          self->send(self->state.conductor, checked_atom_v); // Every byte has been compared as it came.
      },
      [self](tick_atom) {
        if (self->current_sender() == self->ctrl() && !self->state.failed)
          look(self);
      },
      [self](const chunk_refused& refused) {
        if (const auto index = sender(self))
          lose(self, *index, io::printable(refused.why));
      },
      [self](source_alive_atom) {
        if (const auto index = sender(self))
          self->state.links.at(*index).heard = meter::clock::now();
      },
      [self](const own_read& read) { on_own(self, read); },
  };
}

} // namespace ckpt::actors
