// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Asks for the update and stays until it has been answered. After a failure ends the pause, and asks for the
// version that is served.

#include "actors/update/server_notifier_steps.hpp"

#include "io/engine/worker_channel.hpp"

#include <span>
#include <vector>

namespace ckpt::actors::notifier {

namespace {

/// Time after which the log says that no workers have come: some servers let running requests end first.
constexpr auto say_wait_after = 2s;

/// Time after which a paused engine whose workers do not come is resumed: some versions wait for running
/// requests even then, and paused requests never end.
constexpr auto resume_early_after = 5s;

/// How long a silent server is asked to resume after a failure, beyond the time in which its workers may
/// still keep it busy.
constexpr auto resume_time_max = std::chrono::milliseconds{10'000};

/// How long a server is asked for its version after a failure.
constexpr auto check_time_max = std::chrono::milliseconds{2'000};

} // namespace

void start_update(self_pointer self, std::chrono::milliseconds time_max) {
  auto& state = self->state;
  std::vector<io::device_channel> channels;
  const auto per_engine = state.context->layout.devices_per_engine;
  const auto uuids = std::span{state.context->engine_uuids}.subspan(state.engine * per_engine, per_engine);
  for (const auto& uuid : uuids)
    channels.push_back({uuid, io::worker_channel::address_of(uuid, 0)});
  state.is_under_way = true;
  state.posted = meter::clock::now();
  // An update that only drains brings no version.
  start_call(self,
             state.api->update_request(
                 channels, state.at == step::draining ? std::nullopt : state.context->options.weight_version,
                 std::chrono::duration_cast<std::chrono::seconds>(update_time_max)),
             time_max);
}

namespace {

void probe(self_pointer self);

/// A gateway that lost patience says nothing about the server behind it.
[[nodiscard]] bool is_servers_own(const std::optional<io::http_response>& response) {
  return response && response->status != 502 && response->status != 504;
}

} // namespace

void on_update(self_pointer self, const std::optional<io::http_response>& response,
               const std::string& error) {
  auto& state = self->state;
  state.deadline.reset();
  const auto answer =
      response ? state.api->judge_update(*response) : io::engine_answer{meaning::refused, error, {}, {}, {}};
  state.is_under_way = !is_servers_own(response); // A server that lives may still have it.
  if (state.at == step::draining) {
    end_step(state, server_step::drain);
    if (response)
      revive(self);
    else
      fail(self, ec::engine_failed, "was lost: " + error);
    return;
  }
  end_step(state, server_step::update);
  if (state.at == step::leaving) {
    state.account.said = answer.is == meaning::go ? "it had succeeded" : answer.why;
    if (state.is_under_way)
      probe(self);
    else
      leave(self);
  } else if (answer.is == meaning::go) {
    remark(self, answer.remark);
    state.at = step::answered;
    tell(self, server_progress::step::answered);
  } else {
    state.account.said = answer.why;
    if (state.at != step::failed)
      fail(self, ec::engine_failed,
           response ? "failed the update: " + answer.why : "was lost during the update: " + error);
  }
}

void end(self_pointer self) {
  auto& state = self->state;
  state.at = step::over;
  state.deadline.reset();
  state.call.reset();
  tell(self, server_progress::step::ended);
}

namespace {

/// Asks the engine which version it serves now.
void check_version(self_pointer self) {
  auto& state = self->state;
  const auto request = state.api->version_request();
  if (!request || !state.context->options.weight_version || !state.workers_came
      || !state.account.version_after.empty()) {
    end(self);
    return;
  }
  state.at = step::checking;
  state.deadline.reset(); // That of the step before must not fail this one; the call has its own.
  start_call(self, *request, std::min(question_time(state), check_time_max));
}

} // namespace

void leave(self_pointer self) {
  auto& state = self->state;
  const auto resume = state.api->resume_request();
  if (!state.paused || !resume) {
    state.account.has_no_weights = state.paused.has_value();
    if (state.paused)
      remark(self, "it is not woken up: it was put to sleep, which lost its weights, and has no whole set of "
                   "new ones");
    check_version(self);
    return;
  }
  if (state.at != step::resuming)
    state.deadline = meter::clock::now() + abort_grace(state.context->options.timeout)
                     + std::min(state.context->options.timeout, resume_time_max);
  state.at = step::resuming;
  start_call(self, *resume, question_time(state));
}

namespace {

/// The connection broke while the server had an update: is it still there?
void probe(self_pointer self) {
  auto& state = self->state;
  state.at = step::probing;
  state.deadline.reset(); // For the same reason.
  start_call(self, state.api->readiness_request(), std::min(question_time(state), check_time_max));
}

} // namespace

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
    spdlog::info("engine {} has taken the request but not started its workers{}", url(state),
                 state.context->options.engine == io::engine_kind::sglang ? ": it waits for running requests"
                                                                          : "");
  const auto resume = state.api->resume_request();
  if (waited < resume_early_after || !state.paused || !resume || std::exchange(state.resume_was_tried, true))
    return;
  remark(self, "it lets running requests end before it takes weights, even when it is paused: the pause was "
               "ended (--pause abort ends the requests)");
  state.resume = std::make_unique<io::http_call>(state.context->options.endpoints[state.engine], *resume,
                                                 state.context->options.api_key, question_time(state));
}

void post(self_pointer self) {
  auto& state = self->state;
  if (state.at != step::cleared)
    return;
  state.at = step::updating;
  begin_step(state, server_step::update);
  start_update(self, update_time_max);
}

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

void on_told(self_pointer self) {
  auto& state = self->state;
  state.workers_told = true;
  if (state.at == step::leaving)
    stay(self);
}

} // namespace ckpt::actors::notifier
