// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/server_notifier.hpp"

#include "actors/deadlines.hpp"
#include "io/worker_channel.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = server_notifier_actor::stateful_pointer<server_notifier_state>;
using step = server_notifier_state::step;
using meaning = io::engine_answer::meaning;

/// How long one look at the call may keep messages waiting.
constexpr auto call_wait = 5ms;

/// Pause before a server that is not ready is asked again.
constexpr auto ask_again_wait = 200ms;

/// The longest that one question (not an update) may take; a server that hangs is asked anew.
constexpr auto question_time_max = std::chrono::milliseconds{10'000};

/// The update's own call ends with the update, whose steps all have deadlines. A limit there has to be.
constexpr auto update_time_max = std::chrono::hours{24};

[[nodiscard]] const std::string& url(const server_notifier_state& state) {
  return state.context->options.endpoints[state.engine].url;
}

void tell(self_pointer self, server_progress::step at, std::string said = {}) {
  self->send(self->state.loader, server_progress{at, self->state.engine, std::move(said)});
}

void tick(self_pointer self) {
  if (!self->state.ticking) {
    self->state.ticking = true;
    self->send(self, tick_atom_v);
  }
}

void fail(self_pointer self, ec code, const std::string& what) {
  auto& state = self->state;
  state.at = step::over; // The loader answers with an abort.
  state.call.reset();
  const auto led = state.context->layout.engines_led_by(state.context->layout.host);
  self->send(state.loader, part_failed{{code, "engine " + url(state) + " " + what,
                                        static_cast<int>(led.begin + state.engine)}});
}

void start_call(self_pointer self, io::http_request request, std::chrono::milliseconds timeout) {
  auto& state = self->state;
  state.request = std::move(request);
  state.call = std::make_unique<io::http_call>(state.context->options.endpoints[state.engine], state.request,
                                               state.context->options.api_key, timeout);
  tick(self);
}

[[nodiscard]] std::chrono::milliseconds question_time(const server_notifier_state& state) {
  return std::min(state.context->options.timeout, question_time_max);
}

/// Sends what is to be sent before the question, then the question.
void ask(self_pointer self) {
  auto& state = self->state;
  state.answer_is_judged = state.todo.empty();
  if (state.answer_is_judged) {
    start_call(self, state.api->readiness_request(), question_time(state));
    return;
  }
  auto request = std::move(state.todo.front());
  state.todo.pop_front();
  spdlog::info("engine {}: {}", url(state), request.target);
  start_call(self, std::move(request), state.context->options.timeout);
}

/// Back to the question of the present step after a pause.
void pause(self_pointer self) { self->delayed_send(self, ask_again_wait, start_atom_v); }

void not_ready(self_pointer self, const std::string& why) {
  auto& state = self->state;
  if (why != state.last_why)
    spdlog::info("engine {}: not ready yet: {}", url(state), why);
  state.last_why = why;
  pause(self);
}

void on_readiness(self_pointer self, const std::optional<io::http_response>& response,
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
  const auto answer = state.api->judge_readiness(*response);
  switch (answer.is) {
  case meaning::go:
    state.at = step::ready;
    state.deadline.reset();
    tell(self, server_progress::step::ready);
    break;
  case meaning::refused:
    fail(self, ec::engine_failed, "refuses the update: " + answer.why);
    break;
  case meaning::not_yet:
    state.todo.assign(answer.before_asking_again.begin(), answer.before_asking_again.end());
    if (state.todo.empty())
      not_ready(self, answer.why);
    else
      ask(self);
    break;
  }
}

void on_update(self_pointer self, const std::optional<io::http_response>& response,
               const std::string& error) {
  auto& state = self->state;
  state.deadline.reset();
  const auto answer =
      response ? state.api->judge_update(*response) : io::engine_answer{meaning::refused, error, {}, {}};
  if (state.aborting) {
    state.at = step::over;
    tell(self, server_progress::step::ended, answer.is == meaning::go ? "it had succeeded" : answer.why);
  } else if (answer.is == meaning::go) {
    state.at = step::answered;
    tell(self, server_progress::step::answered);
  } else {
    state.last_word = answer.why;
    fail(self, ec::engine_failed,
         response ? "failed the update: " + answer.why : "was lost during the update: " + error);
  }
}

void close_next(self_pointer self) {
  auto& state = self->state;
  if (state.closing.empty()) {
    state.at = step::over;
    tell(self, server_progress::step::closed);
    return;
  }
  start_call(self, state.closing.front(), question_time(state));
}

void on_closing(self_pointer self, const std::optional<io::http_response>& response,
                const std::string& error) {
  auto& state = self->state;
  if (!response) {
    fail(self, ec::engine_failed,
         "was updated, but " + state.closing.front().target + " then failed: " + error);
    return;
  }
  const auto answer =
      state.api->judge_closing(state.closing.front(), *response, state.context->options.weight_version);
  switch (answer.is) {
  case meaning::go:
    state.closing.pop_front();
    close_next(self);
    break;
  case meaning::refused:
    fail(self, ec::engine_failed, "was updated, but " + answer.why);
    break;
  case meaning::not_yet:
    state.last_why = answer.why;
    if (answer.ask_instead) {
      state.closing.front() = *answer.ask_instead;
      close_next(self);
    } else {
      pause(self);
    }
    break;
  }
}

void on_call_over(self_pointer self) {
  auto& state = self->state;
  std::optional<io::http_response> response;
  std::string error;
  if (state.call->error())
    error = state.call->error().message();
  else
    response = state.call->response();
  state.call.reset();
  switch (state.at) {
  case step::asking:
    on_readiness(self, response, error);
    break;
  case step::updating:
    on_update(self, response, error);
    break;
  case step::closing:
    on_closing(self, response, error);
    break;
  default:
    break;
  }
}

void on_deadline(self_pointer self) {
  auto& state = self->state;
  const auto timeout = describe_seconds(state.context->options.timeout);
  if (state.aborting) {
    state.at = step::over;
    state.call.reset();
    tell(self, server_progress::step::ended);
  } else if (state.at == step::asking) {
    fail(self, ec::timed_out,
         "was not ready within " + timeout + (state.last_why.empty() ? "" : ": " + state.last_why));
  } else if (state.at == step::updating) {
    fail(self, ec::timed_out, "did not answer within " + timeout + " after all its workers were through");
  } else {
    fail(self, ec::timed_out,
         "was updated, but did not confirm it within " + timeout
             + (state.last_why.empty() ? "" : ": " + state.last_why));
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  state.ticking = false;
  if (state.call && state.call->wait(call_wait))
    on_call_over(self);
  if (state.at != step::over && state.deadline && meter::clock::now() > *state.deadline)
    on_deadline(self);
  if (state.call)
    tick(self);
}

[[nodiscard]] meter::clock::time_point deadline_of(const server_notifier_state& state) {
  return meter::clock::now() + state.context->options.timeout;
}

void post(self_pointer self) {
  auto& state = self->state;
  const auto& options = state.context->options;
  std::vector<io::device_channel> channels;
  const auto per_engine = state.context->layout.devices_per_engine;
  const auto uuids = std::span{state.context->engine_uuids}.subspan(state.engine * per_engine, per_engine);
  for (const auto& uuid : uuids)
    channels.push_back({uuid, io::worker_channel::address_of(uuid, 0)});
  state.at = step::updating;
  start_call(self, state.api->update_request(channels, options.weight_version, update_time_max),
             update_time_max);
}

/// Waits a little for the answer to an update under way: it often says best what went wrong.
void abort(self_pointer self) {
  auto& state = self->state;
  if (state.at != step::updating) {
    state.at = step::over;
    state.call.reset();
    tell(self, server_progress::step::ended, state.last_word);
    return;
  }
  state.aborting = true;
  state.deadline = meter::clock::now() + abort_grace(state.context->options.timeout);
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
    state.deadline = deadline_of(state);
  }
  if (state.at != step::over && state.deadline && meter::clock::now() > *state.deadline)
    on_deadline(self);
  else if (state.at == step::asking && !state.call)
    ask(self);
  else if (state.at == step::closing && !state.call)
    close_next(self);
}

} // namespace

server_notifier_actor::behavior_type server_notifier(self_pointer self, update_ptr context,
                                                     std::uint32_t engine, loader_actor loader) {
  auto& state = self->state;
  state.context = std::move(context);
  state.engine = engine;
  state.loader = std::move(loader);
  state.api = io::make_engine_api(state.context->options.engine);
  return {
      [self](start_atom) { guarded(self, [&] { on_start(self); }); },
      [self](post_atom) { guarded(self, [&] { post(self); }); },
      [self](finish_atom) {
        if (self->state.at == step::updating)
          self->state.deadline = deadline_of(self->state);
      },
      [self](close_atom) {
        guarded(self, [&] {
          auto& closing = self->state.closing;
          for (auto& request : self->state.api->closing_requests(self->state.context->options.weight_version))
            closing.push_back(std::move(request));
          self->state.at = step::closing;
          self->state.deadline = deadline_of(self->state);
          close_next(self);
        });
      },
      [self](const abort_update&) { guarded(self, [&] { abort(self); }); },
      [self](tick_atom) { guarded(self, [&] { look(self); }); },
  };
}

} // namespace ckpt::actors
