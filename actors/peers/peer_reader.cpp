// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_reader.hpp"

#include "actors/cluster/introductions.hpp"
#include "actors/peers/peer_choice.hpp"
#include "actors/peers/peer_exchange.hpp"
#include "actors/update/deadlines.hpp"
#include "io/error.hpp"
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

/// How often the actor looks whether sources are alive while nothing is under way.
constexpr auto idle_wait = 100ms;

/// Why a link is given up now; usually empty.
[[nodiscard]] std::string doubt(const peer_reader_state& state, const peer_reader_state::link& one,
                                meter::clock::time_point now) {
  const auto timeout = state.context->options.timeout;
  if (!one.lost.empty() || !one.endpoint)
    return {};
  if (one.endpoint->failure() != nullptr)
    return std::string{"its connection failed: "} + one.endpoint->failure();
  if (one.kind == link_kind::fellow) {
    if ((one.asked > 0 && now - one.arrived > silence_max) || (one.sends > 0 && now - one.sent > silence_max))
      return "nothing came or went for " + describe_seconds(silence_max);
    return {};
  }
  if (now - one.heard > silence_max)
    return "no sign of life for " + describe_seconds(silence_max);
  if (one.asked > 0 && now - one.arrived > timeout)
    return "it sent nothing for " + describe_seconds(timeout);
  return {};
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
    if (one.kind == link_kind::fellow) {
      one.arrived = state.looks.forgiving(one.arrived);
      one.sent = state.looks.forgiving(one.sent);
    }
    if (const auto why = doubt(state, one, now); !why.empty())
      lose(self, index, why);
  }
}

[[nodiscard]] bool is_busy(const peer_reader_state& state) {
  return !state.requests.empty() || !state.sends.empty()
         || std::ranges::any_of(state.links, [](const auto& one) { return !one.wanted.empty(); });
}

void look(self_pointer self) {
  auto& state = self->state;
  if (!std::exchange(state.ticks_soon, false))
    state.ticks_later = false;
  if (is_busy(state))
    state.fabric->wait(completion_wait);
  while (state.fabric->progress()) {
  }
  settle(self);
  look_for_the_silent(self);
  if (state.fabric->is_broken())
    return fail(self, {ec::unspecified, "UCX called abort(): the data network of this process is broken"});
  tell_news(self);
  serve(self);
  pump(self);
}

void on_line(self_pointer self, std::size_t index, const peer_line& theirs) {
  auto& state = self->state;
  auto& one = state.links[index];
  if (!one.lost.empty())
    return;
  if (theirs.failed.code != ec::none)
    return lose(self, index, io::printable(theirs.failed.what));
  try {
    one.endpoint = std::make_unique<gpu::fabric_endpoint>(*state.fabric, theirs.data_address);
  } catch (const std::exception& error) {
    return lose(self, index, error.what());
  }
  one.heard = meter::clock::now();
  pump(self);
}

void connect(self_pointer self) {
  auto& state = self->state;
  const auto& weights = state.source->weights();
  state.fabric = std::make_unique<gpu::fabric>(weights.network);
  for (std::size_t index = 0; index < weights.sources.size(); ++index) {
    const auto& source = weights.sources[index];
    auto& one = state.links.emplace_back();
    one.name = source.name;
    one.has.resize(state.context->plan.chunks.size());
    for (const auto chunk : source.chunks)
      set_has(state, one, chunk, true);
    self->monitor(source.actor);
    self->request(source.actor, std::min<std::chrono::milliseconds>(state.context->options.timeout, 10s),
                  peer_line{weights.secret, state.fabric->address(), {}, state.id, weights.name})
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

/// Afterwards nothing uses slabs or kept chunks any more; if that fails, their memory is never freed.
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
  while ((!state.requests.empty() || !state.sends.empty()) && meter::clock::now() < deadline
         && !state.fabric->is_broken()) {
    state.fabric->progress();
    for (auto* transfer : state.fabric->take_completed()) {
      state.requests.erase(transfer);
      state.sends.erase(transfer);
    }
  }
  if (!state.requests.empty() || !state.sends.empty()) {
    spdlog::error("weights of other hosts are still arriving, or leaving; their memory is left alone");
    state.context->slabs->abandon();
    if (const auto& kept = state.source->weights().kept)
      kept->abandon();
    static_cast<void>(state.fabric.release());
    for (auto& [transfer, made] : state.requests)
      static_cast<void>(made.release());
    for (auto& [transfer, sent] : state.sends)
      static_cast<void>(sent.release());
  }
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
  state.next_tag = number();
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
    if (self->state.own && down.source == self->state.own.address())
      return self->quit(down.reason);
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

void lose(self_pointer self, std::size_t index, const std::string& why) {
  auto& state = self->state;
  auto& one = state.links[index];
  if (!one.lost.empty() || state.failed)
    return;
  one.lost = why;
  if (one.kind == link_kind::source)
    spdlog::warn("{} is not asked for weights any more: {}", one.name, why);
  else
    spdlog::info("{}, which joins as well, is not asked for weights any more: {}", one.name, why);
  if (one.kind == link_kind::fellow && one.endpoint && !one.was_of_use)
    ++state.strangers;
  for (auto& [transfer, made] : state.requests)
    if (made->link == index)
      state.fabric->cancel(*transfer);
  one.endpoint.reset(); // That ends what is arriving already.
  one.wanted.clear();
  for (std::uint32_t chunk = 0; chunk < one.has.size(); ++chunk)
    set_has(state, one, chunk, false);
  tick_soon(self);
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
      [self](start_atom) {
        try {
          connect(self);
        } catch (const std::exception& error) {
          fail(self, to_cause(error));
        }
      },
      [self](const slab_free& freed) {
        mark_copied(self->state, freed.chunk);
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
      [self](const fellow& who) {
        if (const auto index = sender(self))
          on_fellow(self, who, *index);
      },
      [self](const fellow_gone& who) {
        if (sender(self))
          on_gone(self, who);
      },
      [self](const fellow_talk& talk) {
        if (sender(self))
          on_talk(self, talk);
      },
      [self](const own_read& read) { on_own(self, read); },
  };
}

chunk_source_actor peer_chunks::spawn(caf::actor_system& system, const update_ptr& context,
                                      const conductor_actor& conductor,
                                      const std::vector<stager_actor>& stagers) const {
  return system.spawn(peer_reader, context, conductor, stagers,
                      std::static_pointer_cast<const peer_chunks>(context->version->source));
}

} // namespace ckpt::actors
