// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that speaks HTTP with one engine's server:
//
//   asking ─> ready ─clear─> [draining ─> reviving ─> asking ─>] pausing ─> cleared
//   cleared ─post─> updating ─> answered ─close─> closing ─> over [─prove─> proving ─> over]
//   any of these ─abort─> [leaving ─>] [resuming ─>] [checking ─>] over
//
// `draining` ends the update of a killed node, `reviving` its pause. `leaving` waits until the server has
// answered an update under way, `resuming` ends this node's pause, `checking` asks for the version served.
//
// Even after a failure it stays, for at most --stay-time, with a server that has not answered its update: the
// server may have queued that behind running requests, and later start workers for a node that is gone.
//
// Detached: it polls its HTTP calls for a few milliseconds at a time. Every step that waits for the server
// has a deadline, except `updating` while the worker sessions still have theirs.

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
    failed, ///< reported; the conductor answers with an abort
    leaving,
    probing, ///< its connection broke: does the server still live?
    resuming,
    checking,
    over
  };

  update_ptr context;
  std::uint32_t engine = 0; ///< among those that this host leads
  conductor_actor conductor;
  std::unique_ptr<io::engine_api> api;
  step at = step::idle;
  io::http_request request;              ///< of `call`
  std::unique_ptr<io::http_call> call;   ///< under way
  std::unique_ptr<io::http_call> resume; ///< sent beside an update that waits although paused
  std::optional<io::http_request> next;  ///< sent in place of this step's question
  unsigned asked_instead = 0;            ///< questions sent without a pause between them
  bool was_helped = false;               ///< requests that help the server were sent in this step
  bool answer_is_judged = true;          ///< false for requests that only help the server
  std::deque<io::http_request> todo;     ///< requests to send before the current question is asked again
  std::deque<io::http_request> closing;  ///< closing requests still to send
  std::string last_why;                  ///< why the server was not ready when it was last asked
  engine_account account;
  std::optional<meter::clock::time_point> deadline;
  std::optional<meter::clock::time_point> paused; ///< when the pause was asked for; set until it is over
  meter::clock::time_point posted;
  meter::clock::time_point asked;      ///< when asked for its checksums
  meter::clock::time_point stay_until; ///< after an abort
  bool is_under_way = false;           ///< an update was sent and not answered
  bool workers_came = false;
  bool workers_told = false;     ///< after an abort
  bool is_revived = false;       ///< `reviving` is done: pause the engine once it is ready again
  bool resume_was_tried = false; ///< beside the update
  bool wait_was_said = false;
  bool ticking = false;
};

/// Detached; ends with an exit message.
server_notifier_actor::behavior_type
server_notifier(server_notifier_actor::stateful_pointer<server_notifier_state> self, update_ptr context,
                std::uint32_t engine, conductor_actor conductor);

} // namespace ckpt::actors
