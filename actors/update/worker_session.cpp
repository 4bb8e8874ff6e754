// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/worker_session.hpp"

#include "actors/update/deadlines.hpp"
#include "actors/update/worker_messages.hpp"
#include "io/engine/pickle_writer.hpp"
#include "io/engine/traceback.hpp"

#include <string>
#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = worker_session_actor::stateful_pointer<worker_session_state>;
using step = worker_session_state::step;

/// How long one wait for the worker may keep messages waiting.
constexpr auto reply_wait = 4ms;

/// How often a session that waits for no reply looks whether its worker is still there.
constexpr auto idle_wait = 50ms;

void tell(self_pointer self, session_progress::step at, std::uint32_t bucket = 0) {
  self->send(self->state.conductor, session_progress{at, self->state.device, bucket});
}

void fail(self_pointer self, ec code, const std::string& what, std::string detail = {}) {
  auto& state = self->state;
  const auto engine = static_cast<int>(state.context->engine_of(state.device));
  self->send(state.conductor, part_failed{{code, state.context->worker_name(state.device) + " " + what,
                                           engine, std::move(detail)}});
  state.at = step::over; // The conductor answers with an abort.
}

/// Plans the next look at the channel; it takes the place of one that is still pending.
void tick_soon(self_pointer self) {
  auto& state = self->state;
  if (!state.channel)
    return;
  ++state.tick_number;
  if (state.waits_for_worker())
    self->send(self, tick_atom_v, state.tick_number);
  else
    self->delayed_send(self, idle_wait, tick_atom_v, state.tick_number);
}

[[nodiscard]] device_meters& meters_of(const worker_session_state& state) {
  return *state.context->device_meter_list[state.device];
}

void begin_step(const worker_session_state& state, worker_step at) {
  meters_of(state).steps.begin(static_cast<std::uint32_t>(at));
}

void end_step(const worker_session_state& state, worker_step at) {
  meters_of(state).steps.end(static_cast<std::uint32_t>(at));
}

/// Sends `message` and enters `next`, which waits for the reply.
void ask(self_pointer self, step next, std::string message) {
  auto& state = self->state;
  state.at = next;
  state.deadline = meter::clock::now() + state.context->options.timeout;
  state.channel->send(std::move(message));
  tick_soon(self);
}

void list_next(self_pointer self) {
  auto& state = self->state;
  if (state.at != step::ready || state.buckets.empty())
    return;
  state.listed = state.buckets.front();
  state.buckets.pop_front();
  if (state.listed == 0)
    tell(self, session_progress::step::listed);
  auto& reload = meters_of(state).reload;
  reload.set_busy(true);
  reload.buckets.begin(state.listed);
  ask(self, step::listing, tensor_list(*state.context, state.listed));
}

void on_agreement(self_pointer self) {
  auto& state = self->state;
  auto& reload = meters_of(state).reload;
  switch (state.at) {
  case step::opening:
    end_step(state, worker_step::open);
    state.at = step::ready;
    tell(self, session_progress::step::opened);
    list_next(self);
    break;
  case step::listing:
    reload.add_bytes(state.context->plan.buckets[state.listed].tensor_bytes);
    reload.buckets.end(state.listed);
    state.at = step::ready;
    tell(self, session_progress::step::acknowledged, state.listed);
    list_next(self);
    if (state.at == step::ready)
      reload.set_busy(false);
    break;
  case step::releasing:
    state.at = step::signing_off;
    break;
  case step::hooking:
    end_step(state, worker_step::hook);
    state.at = step::over;
    tell(self, session_progress::step::finished);
    state.channel.reset();
    break;
  default:
    fail(self, ec::engine_failed, "answered without being asked, " + state.doing());
    break;
  }
}

void on_reply(self_pointer self) {
  auto& state = self->state;
  if (state.at == step::aborting || state.at == step::over)
    return; // A reply to something sent before the abort.
  auto text = state.channel->last_reply();
  if (text.empty())
    return on_agreement(self);
  fail(self, ec::engine_failed, "failed " + state.doing() + ":\n" + io::last_words_of_traceback(text),
       io::whole_traceback(text));
}

/// `may_come`: the server may still start a worker that has not come.
void close(self_pointer self, bool may_come = false) {
  auto& state = self->state;
  const bool left_one =
      state.channel && (state.is_shared || (state.channel->peer_seen() ? !state.worker_is_gone : may_come));
  state.at = step::over;
  state.stale.reset();
  state.channel.reset();
  self->send(state.conductor, session_progress{session_progress::step::closed, state.device, 0, left_one});
}

/// A worker does not reply to the abort: it closes its end. The channel stays until then, to take a reply to
/// an earlier list: otherwise the worker's socket, and the engine with it, would wait for ever to deliver it.
void look_after_abort(self_pointer self) {
  if (self->state.worker_is_gone || meter::clock::now() > self->state.deadline)
    close(self, true);
}

void check_deadline(self_pointer self) {
  auto& state = self->state;
  if (!state.waits_for_worker() || meter::clock::now() < state.deadline)
    return;
  const auto timeout = describe_seconds(state.context->options.timeout);
  if (!state.channel->peer_seen())
    fail(self, ec::timed_out, "did not connect within " + timeout + state.why_nobody_came());
  else if (state.at == step::signing_off)
    fail(self, ec::timed_out, "kept the buffer open for " + timeout + " after it agreed to let go");
  else
    fail(self, ec::timed_out, "did not answer for " + timeout + " " + state.doing());
}

void say_bound(self_pointer self) {
  if (!std::exchange(self->state.is_bound, true))
    tell(self, session_progress::step::bound);
}

void offer_ring(self_pointer self) {
  begin_step(self->state, worker_step::open);
  ask(self, step::opening, ring_handle(*self->state.context->devices[self->state.device]));
  tell(self, session_progress::step::expecting);
}

void open(self_pointer self) {
  if (self->state.at != step::idle)
    return;
  self->state.is_open = true;
  if (!self->state.stale)
    offer_ring(self);
}

/// No worker has been asked for yet: one that connects all the same was left behind by another node.
void look_for_stale_worker(self_pointer self) {
  auto& state = self->state;
  switch (state.stale->look()) {
  case io::stale_worker::state::looked_for:
    break;
  case io::stale_worker::state::gone:
    state.stale.reset();
    say_bound(self);
    if (state.is_open)
      offer_ring(self);
    break;
  case io::stale_worker::state::stays:
    state.stale.reset();
    fail(self, ec::engine_failed,
         "still waits for the node of an earlier update, and does not give that up ("
             + state.channel->peer_name() + ")");
    break;
  }
  tick_soon(self);
}

void expect_stale_worker(worker_session_state& state) {
  state.stale.emplace(*state.channel, io::pickle_abort("its node was killed; a new one is here"),
                      abort_grace(state.context->options.timeout));
}

void on_event(self_pointer self, io::worker_channel::event seen) {
  using event = io::worker_channel::event;
  auto& state = self->state;
  if (seen == event::none)
    return;
  if (seen == event::reply)
    return on_reply(self);
  if (state.at == step::idle && !state.is_open) { // Not a worker of this update: see stale_worker.
    if (seen == event::peer_lost)
      state.channel->forget_peer();
    return;
  }
  state.worker_is_gone |= seen == event::peer_lost;
  state.is_shared |= seen == event::second_peer;
  if (state.at == step::aborting || state.at == step::over)
    return;
  if (seen == event::peer_lost)
    fail(self, ec::engine_failed, "died or closed its channel " + state.doing());
  else if (seen == event::second_peer)
    fail(self, ec::engine_failed, "is not alone on its channel: a second process has connected to it");
  else
    fail(self, ec::engine_failed,
         state.channel->babble() + " " + state.doing()
             + (state.channel->peer_name().empty() ? "" : " (" + state.channel->peer_name() + ")"));
}

void look(self_pointer self) {
  auto& state = self->state;
  if (!state.channel)
    return;
  if (state.stale)
    return look_for_stale_worker(self);
  if (state.is_open && state.channel->peer_seen() && !std::exchange(state.has_come, true))
    tell(self, session_progress::step::came);
  on_event(self, state.channel->wait(state.waits_for_worker() ? reply_wait : 0ms));
  if (state.at == step::signing_off && state.context->devices[state.device]->is_released()) {
    end_step(state, worker_step::let_go);
    begin_step(state, worker_step::hook);
    ask(self, step::hooking, io::pickle_none());
  }
  if (state.at == step::aborting)
    look_after_abort(self);
  else
    check_deadline(self);
  if (state.at == step::idle && !state.is_open && state.channel && state.channel->peer_seen())
    expect_stale_worker(state);
  tick_soon(self);
}

/// Tells the worker to give up, even one that comes late. A late one takes the first message for a bad
/// handle, replies with an error, and raises on the second.
void abort(self_pointer self, const abort_update& order) {
  auto& state = self->state;
  if (!state.channel || order.late_workers == 0ms) {
    close(self);
    return;
  }
  state.stale.reset();
  const auto message = io::pickle_abort(std::string{abort_words} + order.why);
  state.channel->discard_unsent();
  if (!state.channel->peer_seen())
    state.channel->send(message);
  state.channel->send(message);
  state.at = step::aborting;
  state.deadline =
      meter::clock::now()
      + (state.channel->peer_seen() ? abort_grace(state.context->options.timeout) : order.late_workers);
  tick_soon(self);
}

void finish(self_pointer self) {
  if (self->state.at != step::ready)
    return;
  begin_step(self->state, worker_step::let_go);
  ask(self, step::releasing, io::pickle_none());
}

/// The server starts no worker any more.
void settle(self_pointer self) {
  const auto& state = self->state;
  if (state.at == step::aborting && !state.channel->peer_seen())
    close(self);
}

/// Runs `work` and turns what it throws into the update's failure.
template <class Function>
void guarded(self_pointer self, Function work) {
  try {
    work();
  } catch (const std::exception& error) {
    fail(self, ec::unspecified, std::string{"cannot be served: "} + error.what());
  }
}

void bind(self_pointer self) {
  auto& state = self->state;
  try {
    state.channel = std::make_unique<io::worker_channel>(state.context->devices[state.device]->uuid(), 0);
    if (state.context->devices[state.device]->was_abandoned())
      expect_stale_worker(state);
    else
      say_bound(self);
    tick_soon(self);
  } catch (const std::system_error& error) {
    const bool is_taken = error.code() == std::errc::address_in_use;
    fail(self, is_taken ? ec::engine_failed : ec::unspecified,
         (is_taken ? "is being updated by somebody else: its channel's address is taken: "
                   : std::string{"cannot be served: "})
             + error.what());
  }
}

} // namespace

worker_session_actor::behavior_type worker_session(self_pointer self, update_ptr context,
                                                   std::uint32_t device, conductor_actor conductor) {
  auto& state = self->state;
  state.context = std::move(context);
  state.device = device;
  state.conductor = std::move(conductor);
  bind(self);
  return {
      [self](open_atom) { guarded(self, [&] { open(self); }); },
      [self](const bucket_ready& ready) {
        guarded(self, [&] {
          self->state.buckets.push_back(ready.bucket);
          list_next(self);
        });
      },
      [self](finish_atom) { guarded(self, [&] { finish(self); }); },
      [self](const abort_update& message) { guarded(self, [&] { abort(self, message); }); },
      [self](settled_atom) { guarded(self, [&] { settle(self); }); },
      [self](tick_atom, std::uint64_t number) {
        if (number == self->state.tick_number)
          guarded(self, [&] { look(self); });
      },
  };
}

} // namespace ckpt::actors
