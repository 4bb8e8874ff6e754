// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker that a killed pusher left behind: it waits for its next message for ever, and keeps its engine
// from every other update. Its socket connects again to whoever binds the channel's address next, and there
// it is told to give up. One thread uses an object.

#include "io/engine/worker_channel.hpp"

#include <chrono>
#include <string>

namespace ckpt::io {

class stale_worker {
public:
  /// Looks for it on `channel`, to which nobody else has been asked to connect yet. `abort` is the message
  /// that makes a worker give up.
  stale_worker(worker_channel& channel, std::string abort, std::chrono::milliseconds patience);

  enum class state {
    looked_for, ///< may still come, or has not gone yet
    gone,       ///< the channel is as new
    stays,      ///< came and did not go within the patience
  };

  /// One look, which waits for nothing.
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
