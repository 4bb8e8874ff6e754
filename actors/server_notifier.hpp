// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that speaks HTTP with one engine's server:
//
//   asking ─> ready ─post─> updating ─> answered ─close─> closing ─> over
//   (until it is up)        (until all workers are through)  (version, inference back)
//
// Detached: it works on its one call under way for a few milliseconds at a time. Every step has a deadline,
// except `updating` while the worker sessions still have theirs.

#include "actors/interfaces.hpp"
#include "actors/update.hpp"
#include "io/engine_api.hpp"
#include "io/http_call.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::actors {

struct server_notifier_state {
  static inline const char* name = "server_notifier";

  enum class step : std::uint8_t { idle, asking, ready, updating, answered, closing, over };

  update_ptr context;
  std::uint32_t engine = 0; ///< among those that this host leads
  loader_actor loader;
  std::unique_ptr<io::engine_api> api;
  step at = step::idle;
  io::http_request request;             ///< of the call under way
  std::unique_ptr<io::http_call> call;  ///< at most one is under way
  bool answer_is_judged = true;         ///< false for the requests that only bring the server nearer to ready
  std::deque<io::http_request> todo;    ///< requests to send before the current question is asked again
  std::deque<io::http_request> closing; ///< closing requests still to send
  std::string last_why;                 ///< why the server was not ready when it was last asked
  std::string last_word;                ///< why the server says that the update failed
  std::optional<meter::clock::time_point> deadline;
  bool aborting = false;
  bool ticking = false;
};

/// Detached; ends with an exit message.
server_notifier_actor::behavior_type
server_notifier(server_notifier_actor::stateful_pointer<server_notifier_state> self, update_ptr context,
                std::uint32_t engine, loader_actor loader);

} // namespace ckpt::actors
