// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Shared by the parts of the server notifier: short names, calls and messages. The parts are
// server_questions.cpp (until the engine is ready and paused), server_update.cpp (the update, and staying
// with it when it fails), server_notifier.cpp (the actor, and the end of a good update) and server_proof.cpp
// (the checksums). All of it runs on the notifier's own thread.

#include "actors/update/deadlines.hpp"
#include "actors/update/server_notifier.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors::notifier {

using namespace std::chrono_literals;
using self_pointer = server_notifier_actor::stateful_pointer<server_notifier_state>;
using step = server_notifier_state::step;
using meaning = io::engine_answer::meaning;

/// Pause before a server that is not ready is asked again.
inline constexpr auto ask_again_wait = 200ms;

/// The longest that one question (not an update) may take; then the server is asked again.
inline constexpr auto question_time_max = std::chrono::milliseconds{10'000};

/// The call of an update ends with the update, whose steps all have deadlines; this is only a last limit.
inline constexpr auto update_time_max = std::chrono::hours{24};

[[nodiscard]] inline const std::string& url(const server_notifier_state& state) {
  return state.context->options.endpoints[state.engine].url;
}

/// The engine's number in the cluster.
[[nodiscard]] inline std::uint32_t number_of(const server_notifier_state& state) {
  const auto& layout = state.context->layout;
  return layout.engines_led_by(layout.host).begin + state.engine;
}

inline void tell(self_pointer self, server_progress::step at) {
  self->send(self->state.conductor, server_progress{at, self->state.engine, self->state.account});
}

inline void tick(self_pointer self) {
  if (!std::exchange(self->state.ticking, true))
    self->send(self, tick_atom_v);
}

/// Plans the next look while no call is under way.
inline void tick_later(self_pointer self) {
  if (!std::exchange(self->state.ticking, true))
    self->delayed_send(self, ask_again_wait, tick_atom_v);
}

/// Reports the failure; the conductor answers with an abort. A call that may still start workers goes on.
inline void fail(self_pointer self, ec code, const std::string& what) {
  auto& state = self->state;
  state.at = step::failed;
  state.deadline.reset();
  if (!state.is_under_way)
    state.call.reset();
  self->send(state.conductor,
             part_failed{{code, "engine " + url(state) + " " + what, static_cast<int>(number_of(state))}});
}

inline void remark(self_pointer self, const std::string& what) {
  const auto& known = self->state.account.remarks;
  if (what.empty() || std::ranges::find(known, what) != known.end())
    return;
  spdlog::warn("engine {}: {}", url(self->state), what);
  self->state.account.remarks.push_back(what);
}

inline void start_call(self_pointer self, io::http_request request, std::chrono::milliseconds timeout) {
  auto& state = self->state;
  state.request = std::move(request);
  state.call = std::make_unique<io::http_call>(state.context->options.endpoints[state.engine], state.request,
                                               state.context->options.api_key, timeout);
  tick(self);
}

[[nodiscard]] inline std::chrono::milliseconds question_time(const server_notifier_state& state) {
  return std::min(state.context->options.timeout, question_time_max);
}

[[nodiscard]] inline meter::clock::time_point deadline_of(const server_notifier_state& state) {
  return meter::clock::now() + state.context->options.timeout;
}

inline void begin_step(const server_notifier_state& state, server_step at) {
  state.context->server_track_list[state.engine]->steps.begin(static_cast<std::uint32_t>(at));
}

inline void end_step(const server_notifier_state& state, server_step at) {
  state.context->server_track_list[state.engine]->steps.end(static_cast<std::uint32_t>(at));
}

inline void end_pause(server_notifier_state& state) {
  if (state.paused) {
    const auto now = meter::clock::now();
    state.account.pause_seconds = std::chrono::duration<double>{now - *state.paused}.count();
    auto& recorded = state.context->server_track_list[state.engine]->pause;
    recorded.begin(0, *state.paused);
    recorded.end(0, now);
  }
  state.paused.reset();
}

// Until the engine is ready, and paused.

/// Sends the requests of `todo`, then the question of this step.
void ask(self_pointer self);

/// Asks the question of this step again after a while.
void ask_later(self_pointer self);

void on_answer(self_pointer self, const std::optional<io::http_response>& response, const std::string& error);

void pause(self_pointer self);

void clear(self_pointer self);

/// Ends a pause that a killed node may have left. A second pause on top of it can hang: SGLang's `abort`
/// waits for requests that a pause `in_place` holds up.
void revive(self_pointer self);

// The update.

void start_update(self_pointer self, std::chrono::milliseconds time_max);

void on_update(self_pointer self, const std::optional<io::http_response>& response, const std::string& error);

void end(self_pointer self);

/// The server is done with the update, or is not waited for any more: ends the pause, too.
void leave(self_pointer self);

void stay(self_pointer self);

void on_resumed(self_pointer self, const std::optional<io::http_response>& response, std::error_code failure);

/// For an engine whose workers do not come: logs why, and ends a pause that is of no use.
void look_after_waiting(self_pointer self);

void post(self_pointer self);

/// Stays with an update that the server has not answered, for `stay_time` at most.
void abort(self_pointer self, std::chrono::milliseconds stay_time);

/// After a good update: asks the engine for its checksums.
void prove(self_pointer self);

void on_checksums(self_pointer self, const std::optional<io::http_response>& response,
                  const std::string& error);

/// All workers know of the failure. Only the server's answer is missing, if it comes at all.
void on_told(self_pointer self);

} // namespace ckpt::actors::notifier
