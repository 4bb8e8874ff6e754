// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Asks until the server would take an update, gets rid of what a killed node left behind, and pauses the
// engine.

#include "actors/update/server_notifier_steps.hpp"

#include <ranges>
#include <span>

namespace ckpt::actors::notifier {

namespace {

/// At most so many questions take the place of one without a pause between them.
constexpr unsigned asked_instead_max = 8;

[[nodiscard]] io::http_request question_of(const server_notifier_state& state) {
  if (state.next)
    return *state.next;
  return state.at == step::asking ? state.api->readiness_request() : state.api->pause_request().value();
}

} // namespace

void ask(self_pointer self) {
  auto& state = self->state;
  state.answer_is_judged = state.todo.empty();
  if (state.answer_is_judged) {
    // A pause may have to wait for requests.
    start_call(self, question_of(state),
               state.at == step::asking ? question_time(state) : state.context->options.timeout);
    return;
  }
  auto request = std::move(state.todo.front());
  state.todo.pop_front();
  spdlog::info("engine {}: {}", url(state), request.target);
  start_call(self, std::move(request), state.context->options.timeout);
}

void ask_later(self_pointer self) { self->delayed_send(self, ask_again_wait, start_atom_v); }

namespace {

void not_ready(self_pointer self, const std::string& why) {
  auto& state = self->state;
  if (why != state.last_why)
    spdlog::info("engine {}: not ready yet: {}", url(state), why);
  state.last_why = why;
  state.next.reset();
  state.asked_instead = 0;
  ask_later(self);
}

/// The server has said yes to the question of the step.
void on_asked(self_pointer self) {
  auto& state = self->state;
  state.next.reset();
  state.deadline.reset();
  if (state.at == step::asking) {
    state.account.version_before = state.api->version_before().value_or("");
    if (state.is_revived) {
      pause(self);
      return;
    }
    state.at = step::ready;
    end_step(state, server_step::get_ready);
    spdlog::info("engine {} is ready", url(state));
    tell(self, server_progress::step::ready);
    return;
  }
  if (!state.api->is_paused())
    state.paused.reset(); // No pause was asked for, or the engine has none.
  else
    state.account.pause = io::name(state.context->options.pause);
  if (state.paused)
    state.context->server_track_list[state.engine]->pause.begin(0, *state.paused);
  end_step(state, server_step::stop_requests);
  state.at = step::cleared;
  tell(self, server_progress::step::cleared);
}

} // namespace

void on_answer(self_pointer self, const std::optional<io::http_response>& response,
               const std::string& error) {
  auto& state = self->state;
  if (!response) {
    not_ready(self, error);
    return;
  }
  if (!state.answer_is_judged) {
    ask(self);
    return;
  }
  const auto answer = state.at == step::asking ? state.api->judge_readiness(state.request, *response)
                                               : state.api->judge_pause(*response);
  remark(self, answer.remark);
  switch (answer.is) {
  case meaning::go:
    on_asked(self);
    break;
  case meaning::refused:
    fail(self, ec::engine_failed, "refuses the update: " + answer.why);
    break;
  case meaning::not_yet:
    state.todo.assign(answer.before_asking_again.begin(), answer.before_asking_again.end());
    state.next = answer.ask_instead;
    if ((state.next && state.asked_instead++ < asked_instead_max)
        || (!state.todo.empty() && !std::exchange(state.was_helped, true)))
      ask(self); // At once; but a server that is always about to be ready is not flooded.
    else
      not_ready(self, answer.why);
    break;
  }
}

void pause(self_pointer self) {
  auto& state = self->state;
  state.at = step::pausing;
  begin_step(state, server_step::stop_requests);
  state.was_helped = false;
  state.deadline = deadline_of(state);
  state.last_why.clear();
  if (!state.api->pause_request()) {
    on_asked(self);
    return;
  }
  state.paused = meter::clock::now();
  ask(self);
}

namespace {

/// The server may still have an update of a killed node in its queue, and would start workers for that beside
/// ours, or later. Servers take updates in turn, so this sends one of its own and waits for its end: nothing
/// is left before it. The sessions tell the workers of both to give up, as they expect none yet.
void drain(self_pointer self) {
  auto& state = self->state;
  state.at = step::draining;
  begin_step(state, server_step::drain);
  state.deadline = deadline_of(state);
  spdlog::info(
      "engine {}: a node was killed while it updated this engine; making sure that nothing is left of "
      "its update",
      url(state));
  start_update(self, update_time_max);
}

} // namespace

void clear(self_pointer self) {
  auto& state = self->state;
  if (state.at != step::ready)
    return;
  const auto here = state.context->layout.devices_of_engine(number_of(state));
  const auto devices = std::span{state.context->devices}.subspan(here.begin, here.size());
  if (std::ranges::any_of(devices, [](const auto& device) { return device->was_abandoned(); }))
    drain(self);
  else
    pause(self);
}

void revive(self_pointer self) {
  auto& state = self->state;
  state.at = step::reviving;
  state.is_revived = true;
  state.deadline = deadline_of(state);
  if (const auto resume = state.api->resume_request()) {
    start_call(self, *resume, question_time(state));
    return;
  }
  // A user who wants no pause may have paused the engine on purpose.
  if (state.context->options.pause == io::pause_mode::none)
    remark(self, "a node that was killed may have left it paused, and --pause none does not end that: an "
                 "update without this flag does");
  pause(self);
}

} // namespace ckpt::actors::notifier
