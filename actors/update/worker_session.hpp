// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that speaks with one worker of an engine, in lock-step:
//
//   binding ─> idle ─open─> opening ─> ready <─> listing ─finish─> releasing ─> hooking ─> over
//              (bound)     (handle)           (one bucket)     (first None)  (second None)
//
// Whoever connects before the server has been asked to start its workers was left behind by another node, and
// is told to give up. After a failure a worker that has not come yet is waited for as long as the server may
// still start it: it would otherwise wait for its first message for ever, and its engine with it.
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
  std::optional<io::stale_worker> stale; ///< while one is looked for, or there
  step at = step::idle;
  std::deque<std::uint32_t> buckets; ///< ready, not yet listed
  std::uint32_t listed = 0;          ///< the bucket whose list is with the worker
  meter::clock::time_point deadline;
  bool is_bound = false;         ///< said that the worker may connect
  bool has_come = false;         ///< and that it did
  bool is_open = false;          ///< the server was asked to start the worker
  bool worker_is_gone = false;   ///< it closed its end: there is nothing left that it could let go of
  bool is_shared = false;        ///< a second process connected: one of the two is of an earlier update
  std::uint64_t tick_number = 0; ///< of the only tick that counts

  [[nodiscard]] bool waits_for_worker() const;

  /// Where the worker is, for messages: "while it opened the buffer".
  [[nodiscard]] std::string doing() const;

  /// What is known of why the worker has not connected; may be nothing.
  [[nodiscard]] std::string why_nobody_came() const;
};

/// Detached; ends by itself after an abort or when the update is over.
worker_session_actor::behavior_type
worker_session(worker_session_actor::stateful_pointer<worker_session_state> self, update_ptr context,
               std::uint32_t device, conductor_actor conductor);

} // namespace ckpt::actors
