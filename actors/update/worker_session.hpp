// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that speaks with one worker of an engine, in lock-step:
//
//   idle ─open─> opening ─> ready <─> listing,  ready ─finish─> releasing ─> signing_off ─> hooking ─> over
//   (bound)      (handle)             (one bucket)              (first None) (ring closed)  (second None)
//   any of these ─abort─> aborting ─> over
//
// A worker that connects before the server has been asked to start its workers was left behind by another
// node, and is told to give up. After a failure the session waits for a late worker as long as the server may
// still start it: otherwise that worker would wait for its first message for ever, and block its engine.
//
// Detached: it waits for the worker on its own thread, for a few milliseconds at a time. Every step that
// waits for the worker has a deadline. Bound: buckets handed over are limited by the slots of the ring.

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"
#include "io/engine/stale_worker.hpp"
#include "io/engine/worker_channel.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::actors {

struct worker_session_state {
  static inline const char* name = "worker_session";

  enum class step : std::uint8_t {
    idle,
    opening,
    ready,
    listing,
    releasing,
    signing_off,
    hooking,
    aborting,
    over
  };

  update_ptr context;
  std::uint32_t device = 0;
  conductor_actor conductor;
  std::unique_ptr<io::worker_channel> channel;
  std::optional<io::stale_worker> stale; ///< while looking for one, or telling it to give up
  step at = step::idle;
  std::deque<std::uint32_t> buckets; ///< ready, not yet listed
  std::uint32_t listed = 0;          ///< the bucket whose list was sent last
  meter::clock::time_point deadline;
  bool is_bound = false;         ///< session_progress::bound was reported
  bool has_come = false;         ///< session_progress::came was reported
  bool is_open = false;          ///< told to expect a worker: the server is about to be asked
  bool worker_is_gone = false;   ///< it has closed its end of the channel
  bool is_shared = false;        ///< a second process has connected: one of the two is of an earlier update
  std::uint64_t tick_number = 0; ///< of the only tick that counts

  [[nodiscard]] bool waits_for_worker() const;

  /// The worker's present step, for messages: "while it opened the buffer".
  [[nodiscard]] std::string doing() const;

  /// A hint at why the worker has not connected; may be empty.
  [[nodiscard]] std::string why_nobody_came() const;
};

/// Detached. Its conductor ends it.
worker_session_actor::behavior_type
worker_session(worker_session_actor::stateful_pointer<worker_session_state> self, update_ptr context,
               std::uint32_t device, conductor_actor conductor);

} // namespace ckpt::actors
