// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker whose pusher was killed waits for its next message for ever, and keeps its engine from every other
// update. Its socket reconnects to the next process that binds the channel's address. A stale_worker finds it
// there and tells it to give up. One thread uses an object.

#include "io/engine/worker_channel.hpp"

#include <chrono>
#include <string>

namespace ckpt::io {

class stale_worker {
public:
  /// Looks for such a worker on `channel`; no other worker may have been asked to connect yet. `abort` is the
  /// message that makes a worker give up. `patience` is the time that it has for that.
  stale_worker(worker_channel& channel, std::string abort, std::chrono::milliseconds patience);

  enum class state {
    looked_for, ///< it may still come, or was told and has not gone yet
    gone,       ///< it has gone, or none came: the channel is free
    stays,      ///< it came, and did not go in time
  };

  /// Looks once, without waiting.
  [[nodiscard]] state look();

private:
  using clock = std::chrono::steady_clock;

  worker_channel& channel_;
  std::string abort_;
  std::chrono::milliseconds patience_;
  clock::time_point deadline_;
  bool told_ = false;
};

} // namespace ckpt::io
