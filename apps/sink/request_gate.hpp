// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Decides in which order requests for tokens, weight updates, pauses and resumes go on in an engine. A gate
// handles no HTTP and no weights. It belongs to the thread that runs the io_context. `done` and `start` are
// called there, never from inside the call that they were given to, except by ask_whether_paused().

#include "apps/sink/queueing_locks.hpp"
#include "io/engine/engine_api.hpp"

#include <cstdint>
#include <memory>

namespace ckpt::apps::sink {

/// One request for tokens, as a gate sees it.
class generation {
public:
  virtual ~generation() = default;

  /// Starts or continues it, until it is held or aborted, or has all its tokens. Does not end it from inside
  /// the call; does nothing if it is running.
  virtual void run() = 0;

  /// Stops its progress until run().
  virtual void hold() = 0;

  /// Ends it now, with the engine's answer for an aborted request.
  virtual void abort() = 0;

  /// True once it has ended, however it did.
  [[nodiscard]] virtual bool has_ended() const = 0;
};

/// The fate of running requests when an engine is paused.
enum class pause_mode : std::uint8_t {
  abort,   ///< they end
  hold,    ///< they stay where they are: SGLang's in_place, vLLM's keep
  retract, ///< SGLang: they go back into the queue, and what was computed for them is dropped
  drain,   ///< vLLM's wait: they run to their end, and the pause is not answered before
};

class request_gate {
public:
  virtual ~request_gate() = default;

  /// Lets the request run, when its turn has come.
  virtual void admit(std::shared_ptr<generation> request) = 0;

  /// Call it once for each admitted request, when that has ended.
  virtual void ended(const generation& request) = 0;

  /// Pauses; `done` is called when a real engine would answer.
  virtual void pause(pause_mode mode, continuation done) = 0;
  virtual void resume(continuation done) = 0;

  /// Tells `done` whether the engine is paused, perhaps at once.
  virtual void ask_whether_paused(std::function<void(bool)> done) = 0;

  /// `start` is called when the update may begin; update_ended() has to follow. It cannot be cancelled.
  virtual void update(continuation start) = 0;
  virtual void update_ended() = 0;

  /// False when a request would lose what has been computed for it.
  [[nodiscard]] virtual bool can_flush_cache() const = 0;
};

/// The gate of that kind of engine. LMDeploy gets vLLM's: no route here shows a difference.
[[nodiscard]] std::unique_ptr<request_gate> make_request_gate(io::engine_kind engine,
                                                              boost::asio::io_context& io);

} // namespace ckpt::apps::sink
