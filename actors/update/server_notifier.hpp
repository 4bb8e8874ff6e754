// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that speaks HTTP with one engine's server:
//
//   asking ─> ready ─clear─> draining ─> pausing ─> cleared ─post─> updating ─> answered ─close─> closing ─>
//   over (until it is up)   (what a killed node left)                (until all workers are through)
//        └──────────────────────────┴─────abort────────┴──────────────┴─> leaving ─> resuming ─> checking ─>
//        over
//                                            (until an update under way has been answered)
//
// And once it is over, where that is wanted: over ─prove─> proving ─> over.
//
// Whoever has asked for an update stays until the server has answered it, however it ends: the server may
// queue it behind running requests, and would start workers for a node that is gone. And whoever has paused
// an engine resumes it.
//
// Detached: it works on its calls under way for a few milliseconds at a time. Every step has a deadline,
// except `updating` while the worker sessions still have theirs.

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"
#include "io/engine/engine_api.hpp"
#include "io/http/http_call.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::actors {

struct server_notifier_state {
  static inline const char* name = "server_notifier";

  enum class step : std::uint8_t {
    idle,
    asking,
    ready,
    draining,
    reviving, ///< ending a pause that a killed node left behind
    pausing,
    cleared,
    updating,
    answered,
    closing,
    proving,
    failed, ///< and said so; the abort comes
    leaving,
    probing, ///< whether the server lives, whose connection broke
    resuming,
    checking,
    over
  };

  update_ptr context;
  std::uint32_t engine = 0; ///< among those that this host leads
  conductor_actor conductor;
  std::unique_ptr<io::engine_api> api;
  step at = step::idle;
  io::http_request request;              ///< of the call under way
  std::unique_ptr<io::http_call> call;   ///< the conversation
  std::unique_ptr<io::http_call> resume; ///< beside an update that waits although the engine is paused
  std::optional<io::http_request> next;  ///< takes the place of the question of this step
  unsigned asked_instead = 0;            ///< questions since the last pause
  bool was_helped = false;               ///< in this step, by requests that bring the server nearer
  bool answer_is_judged = true;          ///< false for requests that only bring the server nearer
  std::deque<io::http_request> todo;     ///< requests to send before the current question is asked again
  std::deque<io::http_request> closing;  ///< closing requests still to send
  std::string last_why;                  ///< why the server was not ready when it was last asked
  engine_account account;
  std::optional<meter::clock::time_point> deadline;
  std::optional<meter::clock::time_point> paused; ///< when the pause was asked for; until it is over
  meter::clock::time_point posted;
  meter::clock::time_point asked;      ///< for what it holds
  meter::clock::time_point stay_until; ///< after an abort
  bool is_under_way = false;           ///< an update was asked for and not answered
  bool workers_came = false;
  bool workers_told = false;     ///< after an abort
  bool is_revived = false;       ///< another's pause has been ended
  bool resume_was_tried = false; ///< beside the update
  bool wait_was_said = false;
  bool ticking = false;
};

/// Detached; ends with an exit message.
server_notifier_actor::behavior_type
server_notifier(server_notifier_actor::stateful_pointer<server_notifier_state> self, update_ptr context,
                std::uint32_t engine, conductor_actor conductor);

} // namespace ckpt::actors
