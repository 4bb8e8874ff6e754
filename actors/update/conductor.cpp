// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/conductor.hpp"

#include "actors/update/broadcaster.hpp"
#include "actors/update/bystander.hpp"
#include "actors/update/chunk_source.hpp"
#include "actors/update/conductor_steps.hpp"
#include "actors/update/stager.hpp"

#include <algorithm>
#include <cassert>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace conducting;

template <class Handle>
Handle keep(self_pointer self, Handle part) {
  self->monitor(part);
  self->state.living.push_back(part.address());
  return part;
}

void spawn_parts(self_pointer self) {
  auto& state = self->state;
  const auto& context = state.context;
  const auto me = conductor_actor{self};
  std::vector<worker_session_actor> sessions;
  std::vector<stager_actor> stagers;
  state.devices.resize(context->devices.size());
  state.engines.resize(context->options.endpoints.size());
  for (std::uint32_t engine = 0; engine < state.engines.size(); ++engine)
    state.engines[engine].notifier = keep(self, spawn_notifier(self->home_system(), context, engine, me));
  for (std::uint32_t device = 0; device < state.devices.size(); ++device) {
    auto& part = state.devices[device];
    part.session = keep(self, spawn_session(self->home_system(), context, device, me));
    sessions.push_back(part.session);
  }
  state.broadcaster = keep(self, self->spawn<caf::detached>(broadcaster, context, me, std::move(sessions)));
  self->send(state.broadcaster, start_atom_v);
  for (std::uint32_t device = 0; device < state.devices.size(); ++device) {
    auto& part = state.devices[device];
    part.stager = keep(self, self->spawn<caf::detached>(stager, context, device, me, state.broadcaster));
    stagers.push_back(part.stager);
    self->send(part.stager, start_atom_v);
  }
  state.reader = keep(self, spawn_source(self->home_system(), context, me, stagers));
}

/// All servers that this host leads would take the update, and the channels for its workers are bound.
void report_if_ready(self_pointer self) {
  auto& state = self->state;
  if (state.at != phase::starting || state.ready || !all(state.devices, &conductor_state::device_part::bound)
      || !all(state.engines, &conductor_state::engine_part::ready))
    return;
  state.ready = true;
  self->send(state.node, milestone_reached{milestone::ready});
}

void report_if_cleared(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::clearing && all(state.engines, &conductor_state::engine_part::cleared))
    self->send(state.node, milestone_reached{milestone::cleared});
}

/// No server is asked to start its workers before all sessions on all hosts expect them: a session that does
/// not takes a worker for one that another node has left behind.
void report_if_expected(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::clearing && all(state.devices, &conductor_state::device_part::expecting))
    self->send(state.node, milestone_reached{milestone::expected});
}

void on_acknowledged(self_pointer self, conductor_state::device_part& device, std::uint32_t bucket) {
  auto& state = self->state;
  assert(device.acknowledged == bucket);
  device.acknowledged = bucket + 1;
  device.acknowledged_bytes += state.context->plan.buckets[bucket].tensor_bytes;
  const auto slowest =
      std::ranges::min_element(state.devices, {}, &conductor_state::device_part::acknowledged);
  if (slowest->acknowledged == state.acknowledged)
    return;
  state.acknowledged = slowest->acknowledged;
  state.context->acknowledged_bytes = slowest->acknowledged_bytes;
  if (state.acknowledged < state.context->bucket_count()) {
    for (const auto& part : state.devices)
      self->send(part.stager, buckets_acknowledged{state.acknowledged});
    self->send(state.broadcaster, buckets_acknowledged{state.acknowledged});
    return;
  }
  self->send(state.reader, check_atom_v); // A file may have changed while it was read.
  state.check_deadline = meter::clock::now() + state.context->options.timeout;
  look_again(self);
}

/// No file had changed by the time at which its last byte was read.
void on_checked(self_pointer self) {
  auto& state = self->state;
  state.checked = true;
  if (state.at < phase::finishing)
    self->send(state.node, milestone_reached{milestone::taken});
}

/// All workers are through and all servers say so, as far as this host sees.
void report_if_answered(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::finishing && !state.answered
      && all(state.devices, &conductor_state::device_part::finished)
      && all(state.engines, &conductor_state::engine_part::answered)) {
    state.answered = true;
    self->send(state.node, milestone_reached{milestone::answered});
  }
}

/// From here on the engines' answers are due: their workers have nothing more to do.
void expect_answers(self_pointer self, bool from_spanning_engines) {
  auto& state = self->state;
  const auto& layout = state.context->layout;
  const auto led = layout.engines_led_by(layout.host);
  for (auto engine = led.begin; engine < led.end; ++engine)
    if (layout.spans_hosts(engine) == from_spanning_engines
        && all(state.workers_of(engine), &conductor_state::device_part::finished))
      self->send(state.engines[engine - led.begin].notifier, finish_atom_v);
}

void end_if_proved(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::proving && all(state.engines, &conductor_state::engine_part::proved))
    end(self);
}

void end_if_closed(self_pointer self) {
  auto& state = self->state;
  if (state.at != phase::closing || !all(state.engines, &conductor_state::engine_part::closed))
    return;
  state.update_seconds = state.seconds();
  if (state.context->options.prove == proof_demand::none) {
    end(self);
    return;
  }
  state.at = phase::proving;
  for (const auto& engine : state.engines)
    self->send(engine.notifier, prove_atom_v);
  end_if_proved(self); // A host that leads no engine has nothing to prove.
}

/// All hosts are past a milestone.
void on_proceed(self_pointer self, milestone past) {
  auto& state = self->state;
  if (state.at >= phase::aborting)
    return;
  switch (past) {
  case milestone::ready:
    state.at = phase::clearing;
    for (const auto& engine : state.engines)
      self->send(engine.notifier, clear_atom_v);
    report_if_cleared(self); // A host that leads no engine has nothing to clear.
    break;
  case milestone::cleared:
    for (std::uint32_t device = 0; device < state.devices.size(); ++device)
      if (!state.context->is_spared(state.context->engine_of(device)))
        state.context->devices[device]->stay_abandoned(false); // No stale worker is left.
    for (const auto& device : state.devices)
      self->send(device.session, open_atom_v);
    break;
  case milestone::expected:
    for (const auto& engine : state.engines)
      self->send(engine.notifier, post_atom_v);
    break;
  case milestone::taken:
    state.at = phase::finishing;
    for (const auto& part : state.devices)
      self->send(part.session, finish_atom_v);
    break;
  case milestone::through:
    expect_answers(self, true);
    break;
  case milestone::answered:
    state.at = phase::closing;
    for (auto& engine : state.engines)
      self->send(engine.notifier, close_atom_v);
    end_if_closed(self); // A host that leads no engine has nothing to close.
    break;
  }
}

void on_finished(self_pointer self, conductor_state::device_part& device) {
  auto& state = self->state;
  device.finished = true;
  expect_answers(self, false);
  if (all(state.devices, &conductor_state::device_part::finished))
    self->send(state.node, milestone_reached{milestone::through});
  report_if_answered(self);
}

/// Once all workers on this host of the engine of `device` have got as far as `step`: tells the notifier of
/// that engine's server.
template <class Atom>
void tell_if_all(self_pointer self, std::uint32_t device, bool conductor_state::device_part::*step,
                 Atom word) {
  auto& state = self->state;
  const auto engine = state.context->engine_of(device);
  const auto led = state.context->layout.engines_led_by(state.context->layout.host);
  if (led.contains(engine) && all(state.workers_of(engine), step))
    self->send(state.engines[engine - led.begin].notifier, word);
}

void on_session(self_pointer self, const session_progress& progress) {
  auto& state = self->state;
  auto& device = state.devices[progress.device];
  using step = session_progress::step;
  switch (progress.at) {
  case step::bound:
    device.bound = true;
    report_if_ready(self);
    break;
  case step::expecting:
    device.expecting = true;
    report_if_expected(self);
    break;
  case step::came:
    device.came = true;
    tell_if_all(self, progress.device, &conductor_state::device_part::came, came_atom_v);
    break;
  case step::opened:
    device.opened = true;
    state.context->devices[progress.device]->hide_export();
    if (state.at == phase::clearing && all(state.devices, [](const auto& part) { return part.opened; })) {
      state.at = phase::transferring;
      state.ready_seconds = state.seconds();
    }
    break;
  case step::listed:
    device.listed = true;
    break;
  case step::acknowledged:
    if (state.at < phase::finishing)
      on_acknowledged(self, device, progress.bucket);
    break;
  case step::finished:
    on_finished(self, device);
    break;
  case step::closed:
    device.closed = true;
    if (progress.has_left_worker)
      state.context->devices[progress.device]->stay_abandoned(true);
    tell_if_all(self, progress.device, &conductor_state::device_part::closed, told_atom_v);
    end_if_all_told(self);
    break;
  }
}

void on_server(self_pointer self, const server_progress& progress) {
  auto& state = self->state;
  auto& engine = state.engines[progress.engine];
  using step = server_progress::step;
  switch (progress.at) {
  case step::ready:
    engine.ready = true;
    report_if_ready(self);
    break;
  case step::cleared:
    engine.cleared = true;
    report_if_cleared(self);
    break;
  case step::answered:
    engine.answered = true;
    // Only a worker that has been told to finish can be through.
    if (state.at < phase::finishing)
      on_failure(self, {ec::engine_failed,
                        "engine " + state.context->options.endpoints[progress.engine].url
                            + " reported success before its workers had taken all weights",
                        static_cast<int>(state.led_engine(progress.engine))});
    report_if_answered(self);
    break;
  case step::closed:
    engine.closed = true;
    engine.account = progress.account;
    engine.seconds = state.seconds();
    end_if_closed(self);
    break;
  case step::proved:
    engine.proved = true;
    engine.account = progress.account;
    end_if_proved(self);
    break;
  case step::ended:
    engine.ended = true;
    engine.account = progress.account;
    leave_marks(self, state.led_engine(progress.engine), engine.account.is_unanswered);
    settle(self, state.led_engine(progress.engine));
    if (state.context->layout.spans_hosts(state.led_engine(progress.engine)))
      self->send(state.node, engine_settled{state.led_engine(progress.engine)});
    end_if_all_told(self);
    break;
  }
}

} // namespace

conductor_actor::behavior_type conductor(self_pointer self, update_ptr context, node_actor node) {
  self->state.context = std::move(context);
  self->state.node = std::move(node);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  return {
      [self](run_atom) -> caf::result<host_verdict> {
        auto& state = self->state;
        state.started = meter::clock::now();
        state.promise = self->make_response_promise<host_verdict>();
        try {
          spawn_parts(self);
        } catch (const std::exception& error) {
          give_up_at_once(self, error.what());
          return state.promise;
        }
        self->send(state.reader, start_atom_v);
        for (auto& engine : state.engines)
          self->send(engine.notifier, start_atom_v);
        return state.promise;
      },
      [self](const part_failed& failed) { on_failure(self, failed.why); },
      [self](const neighbour_suspected& suspected) { on_suspicion(self, suspected.why); },
      [self](const give_up& message) { abort(self, message.why); },
      [self](const proceed& message) { on_proceed(self, message.past); },
      [self](const no_more_workers& message) {
        leave_marks(self, message.engine, false);
        settle(self, message.engine);
      },
      [self](const session_progress& progress) { on_session(self, progress); },
      [self](const server_progress& progress) { on_server(self, progress); },
      [self](checked_atom) { on_checked(self); },
      [self](give_up_atom, std::uint8_t during) {
        if (self->state.at == static_cast<phase>(during))
          on_time_over(self);
      },
  };
}

} // namespace ckpt::actors
