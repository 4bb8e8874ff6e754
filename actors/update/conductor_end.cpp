// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/conductor_steps.hpp"
#include "actors/update/conductor_verdict.hpp"
#include "actors/update/deadlines.hpp"

#include <spdlog/spdlog.h>

namespace ckpt::actors::conducting {
namespace {

using namespace std::chrono_literals;

/// The time that sessions and notifiers get beyond the deadlines that they set themselves after an abort.
constexpr auto give_up_margin = std::chrono::milliseconds{12'000};
/// The time that parts get to end.
constexpr auto end_wait = std::chrono::milliseconds{8'000};

constexpr auto look_wait = std::chrono::milliseconds{1'000};

} // namespace

void deliver(self_pointer self) {
  auto& state = self->state;
  state.at = phase::over;
  state.promise.deliver(judge_host(state));
  self->quit();
}

void give_up_at_once(self_pointer self, const std::string& why) {
  auto& state = self->state;
  state.first_cause = {ec::unspecified, "the update cannot be started here: " + why};
  state.at = phase::over;
  auto verdict = judge_host(state);
  verdict.parts_left = true;
  state.promise.deliver(std::move(verdict));
}

void end(self_pointer self) {
  auto& state = self->state;
  state.at = phase::ending;
  for (const auto& address : state.living)
    self->send_exit(address, caf::exit_reason::user_shutdown);
  self->delayed_send(self, end_wait, give_up_atom_v, static_cast<std::uint8_t>(phase::ending));
  if (state.living.empty())
    deliver(self);
}

void end_if_all_told(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::aborting && all(state.devices, [](const auto& device) { return device.closed; })
      && all(state.engines, [](const auto& engine) { return engine.ended; }))
    end(self);
}

namespace {

/// How long workers of `engine` may still be started once this update has failed. The host that leads it
/// knows when its server is through; where that host is lost, nobody does.
[[nodiscard]] std::chrono::milliseconds late_workers_time(const conductor_state& state, std::uint32_t engine,
                                                          const cause& why) {
  if (state.at < phase::clearing)
    return 0ms;
  const auto& options = state.context->options;
  const bool leads = state.context->layout.leader_of_engine(engine) == state.context->layout.host;
  return why.code == ec::host_lost && !leads ? abort_grace(options.timeout) : options.stay_time;
}

} // namespace

void abort(self_pointer self, const cause& why) {
  auto& state = self->state;
  if (state.at >= phase::aborting)
    return;
  state.first_cause = why;
  state.given_up = meter::clock::now();
  spdlog::error("{}", headline(why));
  self->send_exit(state.reader, caf::exit_reason::user_shutdown);
  for (std::uint32_t device = 0; device < state.devices.size(); ++device) {
    self->send_exit(state.devices[device].stager, caf::exit_reason::user_shutdown);
    self->send(state.devices[device].session,
               abort_update{headline(why), late_workers_time(state, state.context->engine_of(device), why)});
  }
  self->send_exit(state.broadcaster, caf::exit_reason::user_shutdown);
  for (std::uint32_t index = 0; index < state.engines.size(); ++index)
    self->send(state.engines[index].notifier,
               abort_update{headline(why), late_workers_time(state, state.led_engine(index), why)});
  state.at = phase::aborting;
  self->delayed_send(
      self, state.context->options.stay_time + abort_grace(state.context->options.timeout) + give_up_margin,
      give_up_atom_v, static_cast<std::uint8_t>(phase::aborting));
}

void on_failure(self_pointer self, const cause& why) {
  if (self->state.at >= phase::aborting)
    return;
  self->send(self->state.node, host_failed{why});
  abort(self, why);
}

void on_suspicion(self_pointer self, const cause& why) {
  if (self->state.at < phase::aborting)
    self->send(self->state.node, neighbour_suspected{why});
}

void settle(self_pointer self, std::uint32_t engine) {
  auto& state = self->state;
  if (state.at == phase::aborting)
    for (const auto& worker : state.workers_of(engine))
      self->send(worker.session, settled_atom_v);
}

void leave_marks(self_pointer self, std::uint32_t engine, bool is_unanswered) {
  auto& state = self->state;
  const auto& layout = state.context->layout;
  const auto here = layout.devices_of_engine(engine);
  // Where another host leads the engine, a worker may have come there.
  const bool some_came =
      !layout.engines_led_by(layout.host).contains(engine)
      || std::ranges::any_of(state.workers_of(engine), &conductor_state::device_part::came);
  for (auto device = here.begin; device < here.end; ++device)
    if (is_unanswered || (some_came && !state.devices[device].came))
      state.context->devices[device]->stay_abandoned(true);
}

namespace {

/// A session that has not closed in time may have left a worker: its device is marked.
void end_without_last_words(self_pointer self) {
  const auto& state = self->state;
  for (std::size_t device = 0; device < state.devices.size(); ++device)
    if (!state.devices[device].closed)
      state.context->devices[device]->stay_abandoned(true);
  end(self);
}

} // namespace

void look_again(self_pointer self) {
  const auto& state = self->state;
  self->delayed_send(self, std::min(state.context->options.timeout, look_wait), give_up_atom_v,
                     static_cast<std::uint8_t>(state.at));
}

void on_time_over(self_pointer self) {
  const auto& state = self->state;
  if (state.at == phase::transferring && !state.checked && meter::clock::now() < state.check_deadline)
    look_again(self);
  else if (state.at == phase::transferring && !state.checked)
    on_failure(self, {ec::timed_out,
                      "the file system did not say within the timeout whether the checkpoint has changed"});
  else if (state.at == phase::aborting)
    end_without_last_words(self);
  else if (state.at == phase::ending)
    deliver(self);
}

void on_down(self_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  std::erase(state.living, down.source);
  if (state.at < phase::aborting)
    on_failure(self,
               {ec::unspecified, "a part of the pipeline ended unexpectedly: " + to_string(down.reason)});
  // A part that is gone will not report its end.
  for (auto& device : state.devices)
    device.closed |= device.session && device.session.address() == down.source;
  for (auto& engine : state.engines)
    engine.ended |= engine.notifier && engine.notifier.address() == down.source;
  end_if_all_told(self);
  if (state.at == phase::ending && state.living.empty())
    deliver(self);
}

} // namespace ckpt::actors::conducting
