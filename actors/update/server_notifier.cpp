// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/server_notifier_steps.hpp"

namespace ckpt::actors {
namespace {

using namespace notifier;

/// How long one look at the call may keep messages waiting.
constexpr auto call_wait = 5ms;

void close_next(self_pointer self) {
  auto& state = self->state;
  if (state.closing.empty()) {
    state.at = step::over;
    end_step(state, server_step::close);
    tell(self, server_progress::step::closed);
    return;
  }
  start_call(self, state.closing.front(), question_time(state));
}

void on_closing(self_pointer self, const std::optional<io::http_response>& response,
                const std::string& error) {
  auto& state = self->state;
  const auto& request = state.closing.front();
  if (!response) {
    fail(self, ec::engine_failed, "was updated, but " + request.target + " then failed: " + error);
    return;
  }
  const auto answer = state.api->judge_closing(request, *response, state.context->options.weight_version);
  remark(self, answer.remark);
  switch (answer.is) {
  case meaning::go:
    if (state.api->ends_pause(request))
      end_pause(state);
    state.closing.pop_front();
    close_next(self);
    break;
  case meaning::refused:
    state.account.version_after = state.api->version_in(*response).value_or("");
    fail(self, ec::engine_failed, "was updated, but " + answer.why);
    break;
  case meaning::not_yet:
    state.last_why = answer.why;
    if (answer.ask_instead) {
      state.closing.front() = *answer.ask_instead;
      close_next(self);
    } else {
      ask_later(self);
    }
    break;
  }
}

void close(self_pointer self) {
  auto& state = self->state;
  state.at = step::closing;
  begin_step(state, server_step::close);
  state.deadline = deadline_of(state);
  state.last_why.clear();
  state.closing.clear();
  for (auto& request : state.api->closing_requests(state.context->options.weight_version))
    state.closing.push_back(std::move(request));
  close_next(self);
}

void on_call_over(self_pointer self) {
  auto& state = self->state;
  std::optional<io::http_response> response;
  const auto failure = state.call->error();
  const auto error = failure ? failure.message() : std::string{};
  if (!failure)
    response = state.call->response();
  state.call.reset();
  switch (state.at) {
  case step::asking:
  case step::pausing:
    on_answer(self, response, error);
    break;
  case step::reviving:
    // A server without this route has no pause to end. Its readiness is asked for again: the pause may have
    // changed the earlier answer.
    state.at = step::asking;
    ask(self);
    break;
  case step::draining:
  case step::updating:
  case step::failed:
  case step::leaving:
    on_update(self, response, error);
    break;
  case step::closing:
    on_closing(self, response, error);
    break;
  case step::proving:
    on_checksums(self, response, error);
    break;
  case step::resuming:
    on_resumed(self, response, failure);
    break;
  case step::probing:
    state.is_under_way = response.has_value();
    if (response)
      stay(self);
    else
      leave(self);
    break;
  case step::checking:
    if (response)
      state.account.version_after = state.api->version_in(*response).value_or("");
    end(self);
    break;
  default:
    break;
  }
}

void on_deadline(self_pointer self) {
  auto& state = self->state;
  const auto timeout = describe_seconds(state.context->options.timeout);
  const auto reason = state.last_why.empty() ? "" : ": " + state.last_why;
  state.deadline.reset();
  switch (state.at) {
  case step::leaving:
    // Where all workers came and know of the failure, none waits for this node any more.
    state.account.is_unanswered = state.call != nullptr || !state.workers_told;
    state.is_under_way = false;
    state.call.reset();
    leave(self);
    break;
  case step::resuming:
    remark(self, "it may still be paused, and its requests wait: POST " + state.request.target
                     + " was not answered" + reason);
    end_pause(state);
    end(self);
    break;
  case step::asking:
    fail(self, ec::timed_out, "was not ready within " + timeout + reason);
    break;
  case step::pausing:
    fail(self, ec::timed_out, "could not be paused within " + timeout + reason);
    break;
  case step::draining:
    fail(self, ec::timed_out,
         "did not come to the end of an update that a killed node left behind within " + timeout
             + ": it waits for running requests, or for a worker that hangs");
    break;
  case step::updating:
    fail(self, ec::timed_out, "did not answer within " + timeout + " after all its workers were through");
    break;
  default:
    fail(self, ec::timed_out, "was updated, but did not confirm it within " + timeout + reason);
    break;
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  if (state.call && state.call->wait(call_wait))
    on_call_over(self);
  look_after_waiting(self);
  if (state.at != step::over && state.deadline && meter::clock::now() > *state.deadline)
    on_deadline(self);
  if (state.call || state.resume)
    tick(self);
  else if (state.at == step::leaving)
    tick_later(self);
}

/// Runs `work` and turns what it throws into the update's failure.
template <class Function>
void guarded(self_pointer self, Function work) {
  try {
    work();
  } catch (const std::exception& error) {
    fail(self, ec::unspecified, std::string{"cannot be asked: "} + error.what());
  }
}

void on_start(self_pointer self) {
  auto& state = self->state;
  if (state.at == step::idle) {
    state.at = step::asking;
    begin_step(state, server_step::get_ready);
    state.deadline = deadline_of(state);
  }
  if (state.at != step::over && state.deadline && meter::clock::now() > *state.deadline)
    on_deadline(self);
  else if ((state.at == step::asking || state.at == step::pausing) && !state.call)
    ask(self);
  else if (state.at == step::closing && !state.call)
    close_next(self);
  else if (state.at == step::resuming && !state.call)
    leave(self);
}

} // namespace

server_notifier_actor::behavior_type server_notifier(self_pointer self, update_ptr context,
                                                     std::uint32_t engine, conductor_actor conductor) {
  auto& state = self->state;
  state.context = std::move(context);
  state.engine = engine;
  state.conductor = std::move(conductor);
  state.api = io::make_engine_api(state.context->options.engine, state.context->options.pause);
  return {
      [self](start_atom) { guarded(self, [&] { on_start(self); }); },
      [self](clear_atom) { guarded(self, [&] { clear(self); }); },
      [self](post_atom) { guarded(self, [&] { post(self); }); },
      [self](came_atom) { self->state.workers_came = true; },
      [self](finish_atom) {
        if (self->state.at == step::updating)
          self->state.deadline = deadline_of(self->state);
      },
      [self](close_atom) { guarded(self, [&] { close(self); }); },
      [self](prove_atom) { guarded(self, [&] { prove(self); }); },
      [self](const abort_update& message) { guarded(self, [&] { abort(self, message.late_workers); }); },
      [self](told_atom) { guarded(self, [&] { on_told(self); }); },
      [self](tick_atom) { guarded(self, [&] { look(self); }); },
  };
}

} // namespace ckpt::actors
