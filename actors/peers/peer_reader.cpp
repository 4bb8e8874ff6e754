// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_reader.hpp"

#include "actors/cluster/introductions.hpp"
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
    if (state.again.empty())
      ++state.next;
    else
      state.again.pop_front();
    state.context->disk_meter.buckets.begin(planned.bucket);
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
    self->send(state.sources->sources()[from].actor, std::move(message));
  state.context->disk_meter.set_busy(!state.requests.empty());
  keep_ticking(self);
}

/// Gives up a source. The chunks that it still owes are taken from others.
void lose(self_pointer self, std::size_t index, const std::string& why) {
  auto& state = self->state;
  auto& one = state.links[index];
  if (!one.lost.empty() || state.failed)
    return;
  one.lost = why;
  spdlog::warn("{} is not asked for weights any more: {}", state.sources->sources()[index].name, why);
  for (auto& [transfer, made] : state.requests)
    if (made->link == index)
      state.fabric->cancel(*transfer);
  one.endpoint.reset(); // That ends what is arriving already.
  pump(self);
}

void hand_over(self_pointer self, const request& made) {
  auto& state = self->state;
  const auto& planned = state.context->plan.chunks[made.chunk];
  const auto expected = state.links[made.link].digests.at(made.chunk);
  if (io::chunk_digest({made.data, planned.needed_bytes}) != expected) {
    give_room_back(state, made.slab);
    state.again.push_back(made.chunk);
    lose(self, made.link,
         "it sent bytes that are not those which it had read: its memory is not to be trusted");
    return;
  }
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
    if (made->failure == nullptr) {
      hand_over(self, *made);
      continue;
    }
    give_room_back(state, made->slab);
    state.again.push_back(made->chunk);
    lose(self, made->link, std::string{"receiving from it failed: "} + made->failure);
  }
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
  const auto& sources = state.sources->sources();
  state.fabric = std::make_unique<gpu::fabric>(state.sources->network());
  state.links.resize(sources.size());
  for (std::size_t index = 0; index < sources.size(); ++index) {
    const auto& source = sources[index];
    for (std::size_t i = 0; i < source.chunks.size(); ++i)
      state.links[index].digests.emplace(source.chunks[i], source.digests[i]);
    self->monitor(source.actor);
    self->request(source.actor, std::min<std::chrono::milliseconds>(state.context->options.timeout, 10s),
                  peer_line{state.sources->secret(), state.fabric->address(), {}})
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
  const auto& sources = state.sources->sources();
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
    if (auto* kept = state.sources->kept())
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
                                             std::shared_ptr<const peer_chunks> sources) {
  auto& state = self->state;
  state.context = std::move(context);
  state.conductor = std::move(conductor);
  state.stagers = std::move(stagers);
  state.sources = std::move(sources);
  state.chunks = owned_chunks(state.context->layout, state.context->plan);
  std::random_device random;
  state.next_tag = std::uint64_t{random()} << 32 | random();
  state.context->reader_engine = "peers";
  self->set_exit_handler([self](const caf::exit_msg& message) {
    end(self);
    self->quit(message.reason);
  });
  self->set_down_handler([self](const caf::down_msg& down) {
    if (const auto index = index_of(self->state, down.source))
      lose(self, *index, "its process ended or its connection broke");
  });
  return {
      [self](start_atom) {
        try {
          connect(self);
          keep_ticking(self);
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
  };
}

} // namespace ckpt::actors
