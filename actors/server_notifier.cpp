// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/server_notifier.hpp"

#include "actors/deadlines.hpp"
#include "io/worker_channel.hpp"

#include <algorithm>
#include <ranges>
#include <span>
#include <utility>
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

/// After which it is said that workers do not come, since the server lets running requests end first.
constexpr auto say_wait_after = 2s;

/// After which an engine is resumed whose workers do not come although it is paused: some versions let
/// running requests end first even then, which paused ones never do.
constexpr auto resume_early_after = 5s;

/// How long a server that does not answer is asked to resume after a failure.
constexpr auto resume_time_max = std::chrono::milliseconds{10'000};

/// How long a server is asked for its version after a failure.
constexpr auto check_time_max = std::chrono::milliseconds{2'000};

[[nodiscard]] const std::string& url(const server_notifier_state& state) {
  return state.context->options.endpoints[state.engine].url;
}

/// Of the engine in the cluster.
[[nodiscard]] std::uint32_t number_of(const server_notifier_state& state) {
  const auto& layout = state.context->layout;
  return layout.engines_led_by(layout.host).begin + state.engine;
}

void tell(self_pointer self, server_progress::step at) {
  self->send(self->state.loader, server_progress{at, self->state.engine, self->state.account});
}

void tick(self_pointer self) {
  if (!std::exchange(self->state.ticking, true))
    self->send(self, tick_atom_v);
}

/// A look at what has no call under way.
void tick_later(self_pointer self) {
  if (!std::exchange(self->state.ticking, true))
    self->delayed_send(self, ask_again_wait, tick_atom_v);
}

/// The loader answers with an abort. A call that may still start workers goes on.
void fail(self_pointer self, ec code, const std::string& what) {
  auto& state = self->state;
  state.at = step::failed;
  state.deadline.reset();
  if (!state.is_under_way)
    state.call.reset();
  self->send(state.loader,
             part_failed{{code, "engine " + url(state) + " " + what, static_cast<int>(number_of(state))}});
}

void remark(self_pointer self, const std::string& what) {
  const auto& known = self->state.account.remarks;
  if (what.empty() || std::ranges::find(known, what) != known.end())
    return;
  spdlog::warn("engine {}: {}", url(self->state), what);
  self->state.account.remarks.push_back(what);
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

[[nodiscard]] meter::clock::time_point deadline_of(const server_notifier_state& state) {
  return meter::clock::now() + state.context->options.timeout;
}

[[nodiscard]] io::http_request question_of(const server_notifier_state& state) {
  if (state.next)
    return *state.next;
  return state.at == step::asking ? state.api->readiness_request() : state.api->pause_request().value();
}

/// Sends what is to be sent before the question of this step, then the question.
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

/// Back to the question of the present step after a while.
void ask_later(self_pointer self) { self->delayed_send(self, ask_again_wait, start_atom_v); }

void not_ready(self_pointer self, const std::string& why) {
  auto& state = self->state;
  if (why != state.last_why)
    spdlog::info("engine {}: not ready yet: {}", url(state), why);
  state.last_why = why;
  state.next.reset();
  ask_later(self);
}

void pause(self_pointer self);

/// The question of the step is answered as it should be.
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
    tell(self, server_progress::step::ready);
    return;
  }
  if (!state.api->is_paused())
    state.paused.reset(); // It is not to be paused, or knows no way.
  else
    state.account.pause = io::name(state.context->options.pause);
  state.at = step::cleared;
  tell(self, server_progress::step::cleared);
}

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
    if (state.next || !state.todo.empty())
      ask(self);
    else
      not_ready(self, answer.why);
    break;
  }
}

void pause(self_pointer self) {
  auto& state = self->state;
  state.at = step::pausing;
  state.deadline = deadline_of(state);
  state.last_why.clear();
  if (!state.api->pause_request()) {
    on_asked(self);
    return;
  }
  state.paused = meter::clock::now();
  ask(self);
}

void start_update(self_pointer self, std::chrono::milliseconds time_max) {
  auto& state = self->state;
  std::vector<io::device_channel> channels;
  const auto per_engine = state.context->layout.devices_per_engine;
  const auto uuids = std::span{state.context->engine_uuids}.subspan(state.engine * per_engine, per_engine);
  for (const auto& uuid : uuids)
    channels.push_back({uuid, io::worker_channel::address_of(uuid, 0)});
  state.is_under_way = true;
  state.posted = meter::clock::now();
  // The version is the update's: what only drains has none.
  start_call(self,
             state.api->update_request(
                 channels, state.at == step::draining ? std::nullopt : state.context->options.weight_version,
                 std::chrono::duration_cast<std::chrono::seconds>(update_time_max)),
             time_max);
}

/// A node that was killed may have left an update with the server that has not come to its workers yet, and
/// would come to them beside ours, or after. Servers take updates in turn: one that all its workers are told
/// to give up brings everything before it to its end. The sessions tell them, as nobody is expected yet.
void drain(self_pointer self) {
  auto& state = self->state;
  state.at = step::draining;
  state.deadline = deadline_of(state);
  spdlog::info(
      "engine {}: a node was killed while it updated this engine; making sure that nothing is left of "
      "its update",
      url(state));
  start_update(self, update_time_max);
}

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

/// The killed node may have left a pause behind. One pause upon another can be a trap: SGLang's `abort` waits
/// for requests that a pause in place holds up.
void revive(self_pointer self) {
  auto& state = self->state;
  state.at = step::reviving;
  state.is_revived = true;
  state.deadline = deadline_of(state);
  if (const auto resume = state.api->resume_request()) {
    start_call(self, *resume, question_time(state));
    return;
  }
  // Whoever wants no pause may have paused the engine for a reason.
  if (state.context->options.pause == io::pause_mode::none)
    remark(self, "a node that was killed may have left it paused, and --pause none does not end that: an "
                 "update without this flag does");
  pause(self);
}

/// A gateway that lost patience says nothing about the server behind it.
[[nodiscard]] bool is_servers_own(const std::optional<io::http_response>& response) {
  return response && response->status != 502 && response->status != 504;
}

void leave(self_pointer self);
void probe(self_pointer self);

void on_update(self_pointer self, const std::optional<io::http_response>& response,
               const std::string& error) {
  auto& state = self->state;
  state.deadline.reset();
  const auto answer =
      response ? state.api->judge_update(*response) : io::engine_answer{meaning::refused, error, {}, {}, {}};
  state.is_under_way = !is_servers_own(response); // It may still be with a server that lives.
  if (state.at == step::draining) {
    if (response)
      revive(self);
    else
      fail(self, ec::engine_failed, "was lost: " + error);
  } else if (state.at == step::leaving) {
    state.account.said = answer.is == meaning::go ? "it had succeeded" : answer.why;
    if (state.is_under_way)
      probe(self);
    else
      leave(self);
  } else if (answer.is == meaning::go) {
    state.at = step::answered;
    tell(self, server_progress::step::answered);
  } else {
    state.account.said = answer.why;
    if (state.at != step::failed)
      fail(self, ec::engine_failed,
           response ? "failed the update: " + answer.why : "was lost during the update: " + error);
  }
}

void end_pause(server_notifier_state& state) {
  if (state.paused)
    state.account.pause_seconds = std::chrono::duration<double>{meter::clock::now() - *state.paused}.count();
  state.paused.reset();
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
  state.deadline = deadline_of(state);
  state.last_why.clear();
  state.closing.clear();
  for (auto& request : state.api->closing_requests(state.context->options.weight_version))
    state.closing.push_back(std::move(request));
  close_next(self);
}

void end(self_pointer self) {
  auto& state = self->state;
  state.at = step::over;
  state.deadline.reset();
  state.call.reset();
  tell(self, server_progress::step::ended);
}

/// What the engine serves now, by its own word.
void check_version(self_pointer self) {
  auto& state = self->state;
  const auto request = state.api->version_request();
  if (!request || !state.context->options.weight_version || !state.workers_came
      || !state.account.version_after.empty()) {
    end(self);
    return;
  }
  state.at = step::checking;
  start_call(self, *request, std::min(question_time(state), check_time_max));
}

/// The update is over for the server, or given up: the pause ends, too.
void leave(self_pointer self) {
  auto& state = self->state;
  const auto resume = state.api->resume_request();
  if (!state.paused || !resume) {
    if (state.paused)
      remark(self, "it is not woken up: it was put to sleep, which lost its weights, and has no whole set of "
                   "new ones");
    check_version(self);
    return;
  }
  if (state.at != step::resuming)
    state.deadline = meter::clock::now() + std::min(state.context->options.timeout, resume_time_max);
  state.at = step::resuming;
  start_call(self, *resume, question_time(state));
}

/// The connection broke while the server had an update: is it still there?
void probe(self_pointer self) {
  auto& state = self->state;
  state.at = step::probing;
  start_call(self, state.api->readiness_request(), std::min(question_time(state), check_time_max));
}

void stay(self_pointer self) {
  auto& state = self->state;
  state.at = step::leaving;
  state.deadline = state.stay_until;
  if (state.workers_told)
    state.deadline = meter::clock::now() + (state.call ? abort_grace(state.context->options.timeout) : 0ms);
  tick(self);
}

void on_resumed(self_pointer self, const std::optional<io::http_response>& response,
                std::error_code failure) {
  auto& state = self->state;
  if (!response
      && (failure == std::errc::connection_refused || failure == std::errc::no_such_file_or_directory)) {
    end_pause(state); // Nobody is there any more.
    end(self);
    return;
  }
  if (!response) {
    state.last_why = failure.message();
    ask_later(self);
    return;
  }
  end_pause(state);
  if (response->status != 200)
    remark(self, "it may still be paused: POST " + state.request.target + " was answered with HTTP "
                     + std::to_string(response->status));
  check_version(self);
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
    // A server that has no such route has no pause to end. What it said of itself before, it may have said
    // because it was paused.
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
    // Workers that all came and know need nobody any more.
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

/// An engine that is to be updated and whose workers do not come: says why, and what is paused in vain goes
/// on.
void look_after_waiting(self_pointer self) {
  auto& state = self->state;
  if (state.resume && state.resume->wait(0ms)) {
    const bool has_answered = !state.resume->error();
    state.resume.reset();
    if (has_answered)
      end_pause(state); // Else it is asked again when the update is over.
  }
  if (state.at != step::updating || state.workers_came)
    return;
  const auto waited = meter::clock::now() - state.posted;
  if (waited > say_wait_after && !std::exchange(state.wait_was_said, true))
    spdlog::info("engine {} has taken the request but not started its workers: it waits for running requests",
                 url(state));
  const auto resume = state.api->resume_request();
  if (waited < resume_early_after || !state.paused || !resume || std::exchange(state.resume_was_tried, true))
    return;
  remark(self, "it lets running requests end before it takes weights, even when it is paused: the pause was "
               "ended (--pause abort ends the requests)");
  state.resume = std::make_unique<io::http_call>(state.context->options.endpoints[state.engine], *resume,
                                                 state.context->options.api_key, question_time(state));
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

void post(self_pointer self) {
  auto& state = self->state;
  if (state.at != step::cleared)
    return;
  state.at = step::updating;
  start_update(self, update_time_max);
}

/// Stays with an update that the server has not answered.
void abort(self_pointer self, std::chrono::milliseconds stay_time) {
  auto& state = self->state;
  state.stay_until = meter::clock::now() + stay_time;
  if (state.at == step::answered) {
    stay(self); // Where it answered too early, its workers may still come.
    return;
  }
  if (!state.is_under_way) {
    state.call.reset();
    leave(self);
    return;
  }
  if (stay_time > abort_grace(state.context->options.timeout) && !state.workers_came)
    spdlog::warn(
        "engine {} has been asked for an update and not started its workers: staying for up to {} to "
        "tell them that it is off (a second signal ends this at once, and leaves an engine that hangs)",
        url(state), describe_seconds(stay_time));
  if (state.call)
    stay(self);
  else
    probe(self);
}

/// All workers know. Only the server's last word is missing, if it can come at all.
void on_told(self_pointer self) {
  auto& state = self->state;
  state.workers_told = true;
  if (state.at == step::leaving)
    stay(self);
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
  else if ((state.at == step::asking || state.at == step::pausing) && !state.call)
    ask(self);
  else if (state.at == step::closing && !state.call)
    close_next(self);
  else if (state.at == step::resuming && !state.call)
    leave(self);
}

} // namespace

server_notifier_actor::behavior_type server_notifier(self_pointer self, update_ptr context,
                                                     std::uint32_t engine, loader_actor loader) {
  auto& state = self->state;
  state.context = std::move(context);
  state.engine = engine;
  state.loader = std::move(loader);
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
      [self](const abort_update& message) { guarded(self, [&] { abort(self, message.late_workers); }); },
      [self](told_atom) { guarded(self, [&] { on_told(self); }); },
      [self](tick_atom) { guarded(self, [&] { look(self); }); },
  };
}

} // namespace ckpt::actors
