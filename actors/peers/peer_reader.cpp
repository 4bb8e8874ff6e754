// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_reader.hpp"

#include "actors/cluster/senders.hpp"
#include "actors/peers/peer_choice.hpp"
#include "actors/peers/peer_exchange.hpp"
#include "actors/update/deadlines.hpp"
#include "io/error.hpp"
#include "io/plan/plan_digest.hpp"
#include "io/read/resident_chunks.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <caf/exit_reason.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace reading {
namespace {

using namespace std::chrono_literals;
using link_kind = peer_reader_state::link_kind;
using place = peer_reader_state::place;

/// How long one look for completions may keep messages waiting.
constexpr auto completion_wait = 2ms;

/// Meanwhile nothing else is done. UCX by itself would try for minutes.
constexpr auto connect_time_max = 3s;

/// Of progress in one look: a fellow that floods this host must not keep messages waiting for ever.
constexpr unsigned steps_max = 10'000;

/// How often the actor looks whether sources are alive while nothing is under way.
constexpr auto idle_wait = 100ms;

[[nodiscard]] bool is_busy(const peer_reader_state& state) {
  return !state.requests.empty() || !state.sends.empty()
         || std::ranges::any_of(state.links, [](const auto& one) { return !one.wanted.empty(); });
}

/// True when there was something to do.
[[nodiscard]] bool progress(const peer_reader_state& state) {
  bool has_done = false;
  for_each_fabric(state, [&](gpu::fabric& one) { has_done = one.progress() || has_done; });
  return has_done;
}

void look(self_pointer self) {
  auto& state = self->state;
  if (!std::exchange(state.ticks_soon, false))
    state.ticks_later = false;
  if (is_busy(state))
    state.fabric->wait(completion_wait, state.exchange.get());
  for (unsigned step = 0; step < steps_max && progress(state); ++step) {
  }
  settle(self);
  look_for_the_silent(self);
  if (state.failed)
    return;
  if (state.fabric->is_broken())
    return fail(self, {ec::unspecified, "UCX called abort(): the data network of this process is broken"});
  if (state.exchange && state.exchange->is_broken())
    end_exchange(self, "UCX called abort(): nothing is exchanged with other hosts that join any more");
  tell_news(self);
  serve(self);
  pump(self);
}

void on_line(self_pointer self, std::size_t index, const peer_line& theirs) {
  auto& state = self->state;
  auto& one = state.links[index]; // An answer may come when all is over, and the fabric gone.
  if (state.failed || !one.lost.empty())
    return;
  if (theirs.failed.code != ec::none)
    return lose(self, index, io::printable(theirs.failed.what));
  if (theirs.data_address.size() > peer_address_bytes_max)
    return lose(self, index, "its data address is too long");
  try {
    one.endpoint =
        std::make_unique<gpu::fabric_endpoint>(*state.fabric, theirs.data_address, connect_time_max);
  } catch (const std::exception& error) {
    return lose(self, index, error.what());
  }
  one.heard = meter::clock::now();
  pump(self);
}

/// Fellows get a fabric of their own: nothing that they do in UCX, and no tag that they use, reaches what
/// comes from sources. Returns its address; empty when there is none, and no exchange.
[[nodiscard]] std::string open_exchange(peer_reader_state& state) {
  try {
    state.exchange = std::make_unique<gpu::fabric>(state.source->weights().network);
    return state.exchange->address();
  } catch (const std::exception& error) {
    spdlog::warn("nothing is exchanged with other hosts that join: {}", error.what());
    state.exchange.reset();
    return {};
  }
}

[[nodiscard]] std::uint64_t digest_of_own_share(const peer_reader_state& state) {
  std::vector<std::uint64_t> digests;
  for (const auto chunk : state.chunks)
    digests.push_back(state.source->weights().digests[chunk].value_or(0));
  return io::digest_of_share(state.chunks, digests);
}

void connect(self_pointer self) {
  auto& state = self->state;
  if (state.failed || state.fabric)
    return;
  const auto& weights = state.source->weights();
  state.fabric = std::make_unique<gpu::fabric>(weights.network);
  const peer_line line{weights.secret,       state.fabric->address(),   {}, state.id, weights.name,
                       open_exchange(state), digest_of_own_share(state)};
  for (std::size_t index = 0; index < weights.sources.size(); ++index) {
    const auto& source = weights.sources[index];
    auto& one = add_link(state, link_kind::source, source.name);
    for (const auto chunk : source.chunks)
      set_has(state, one, chunk, true);
    self->monitor(source.actor);
    self->request(source.actor, std::min<std::chrono::milliseconds>(state.context->options.timeout, 10s),
                  line)
        .then([self, index](const peer_line& theirs) { on_line(self, index, theirs); },
              [self, index](const caf::error& error) {
                lose(self, index, "it does not answer: " + self->system().render(error));
              });
  }
  pump(self);
}

/// The source that sent the message which is handled now.
[[nodiscard]] std::optional<std::size_t> index_of(const peer_reader_state& state,
                                                  const caf::actor_addr& who) {
  const auto& sources = state.source->weights().sources;
  const auto found =
      std::ranges::find_if(sources, [&](const auto& one) { return one.actor.address() == who; });
  if (found == sources.end())
    return std::nullopt;
  return static_cast<std::size_t>(found - sources.begin());
}

[[nodiscard]] std::optional<std::size_t> sender(self_pointer self) {
  const auto who = self->current_sender();
  return who == nullptr ? std::nullopt : index_of(self->state, who->address());
}

/// For the log, once weights have come from elsewhere than from sources.
void say_where_from(const peer_reader_state::bytes_by_origin& bytes) {
  if (bytes.fellows > 0 || bytes.own > 0 || bytes.passed_on > 0)
    spdlog::info("weights taken from sources: {}, from other hosts that join: {}, from this host's own "
                 "files: {}; passed "
                 "on to other hosts that join: {}",
                 describe_bytes(bytes.sources), describe_bytes(bytes.fellows), describe_bytes(bytes.own),
                 describe_bytes(bytes.passed_on));
}

void prepare(peer_reader_state& state) {
  const auto count = state.context->plan.chunks.size();
  state.chunks = owned_chunks(state.context->layout, state.context->plan);
  state.missing = state.chunks.size();
  state.places.resize(count);
  for (const auto chunk : state.chunks)
    state.places[chunk] = place::wanted;
  state.at_sources.resize(count);
  state.at_fellows.resize(count);
  std::random_device random;
  const auto number = [&] { return std::uint64_t{random()} << 32 | random(); };
  state.id = number() | 1; // Not 0, which stands for a host that takes part in no exchange.
  state.random.seed(number());
  state.pace = send_pace{state.source->weights().bytes_per_second_max};
  state.context->reader_engine = "peers";
}

void handle_ends(self_pointer self) {
  self->set_exit_handler([self](const caf::exit_msg& message) {
    end(self);
    say_where_from(self->state.bytes);
    if (self->state.own) // It may still read to slabs.
      self->send_exit(self->state.own, message.reason);
    else
      self->quit(message.reason);
  });
  self->set_down_handler([self](const caf::down_msg& down) {
    if (self->state.own && down.source == self->state.own.address()) {
      end(self);
      return self->quit(down.reason);
    }
    if (const auto index = index_of(self->state, down.source))
      lose(self, *index, "its process ended or its connection broke");
  });
}

} // namespace

void fail(self_pointer self, cause why) {
  auto& state = self->state;
  if (state.failed)
    return;
  state.failed = true;
  self->send(state.conductor, part_failed{std::move(why)});
}

void tick_soon(self_pointer self) {
  if (!self->state.failed && !std::exchange(self->state.ticks_soon, true))
    self->send(self, tick_atom_v);
}

void keep_ticking(self_pointer self) {
  auto& state = self->state;
  if (state.failed)
    return;
  if (is_busy(state))
    tick_soon(self);
  else if (!state.ticks_soon && !std::exchange(state.ticks_later, true))
    self->delayed_send(self, idle_wait, tick_atom_v);
}

} // namespace reading

peer_reader_actor::behavior_type peer_reader(reading::self_pointer self, update_ptr context,
                                             conductor_actor conductor, std::vector<stager_actor> stagers,
                                             std::shared_ptr<const peer_chunks> source) {
  using namespace reading;
  auto& state = self->state;
  state.context = std::move(context);
  state.conductor = std::move(conductor);
  state.stagers = std::move(stagers);
  state.source = std::move(source);
  prepare(state);
  handle_ends(self);
  return {
      // Sources, which are other hosts, can send everything that this actor takes.
      [self](start_atom) {
        if (!is_of_this_process(self))
          return;
        try {
          connect(self);
        } catch (const std::exception& error) {
          fail(self, to_cause(error));
        }
      },
      [self](const slab_free& freed) {
        if (!is_of_this_process(self))
          return;
        mark_copied(self->state, freed.chunk);
        pump(self);
      },
      [self](check_atom) {
        if (is_of_this_process(self) && !self->state.failed)
          self->send(self->state.conductor, checked_atom_v); // Every byte has been compared as it came.
      },
      [self](tick_atom) {
        if (self->current_sender() != self->ctrl() || self->state.failed)
          return;
        try {
          look(self);
        } catch (const std::exception& error) {
          fail(self, to_cause(error));
        }
      },
      [self](const chunk_refused& refused) {
        if (const auto index = sender(self))
          lose(self, *index, io::printable(refused.why));
      },
      [self](source_alive_atom) {
        if (const auto index = sender(self))
          self->state.links.at(*index).heard = meter::clock::now();
      },
      [self](const fellow& who) {
        if (const auto index = sender(self))
          on_fellow(self, who, *index);
      },
      [self](const fellow_gone& who) {
        if (sender(self))
          on_gone(self, who);
      },
      [self](const fellow_talk& talk) {
        if (const auto index = sender(self))
          on_talk(self, talk, *index);
      },
      [self](const own_read& read) {
        if (is_from(self, self->state.own))
          on_own(self, read);
      },
  };
}

chunk_source_actor peer_chunks::spawn(caf::actor_system& system, const update_ptr& context,
                                      const conductor_actor& conductor,
                                      const std::vector<stager_actor>& stagers) const {
  return system.spawn(peer_reader, context, conductor, stagers,
                      std::static_pointer_cast<const peer_chunks>(context->version->source));
}

} // namespace ckpt::actors
