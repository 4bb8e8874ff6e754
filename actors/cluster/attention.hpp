// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Corrects the silence of other hosts for the time in which this process was stopped itself (SIGSTOP, a
// debugger, a live migration): then it heard nobody, although others may be well. Pure; one thread.

#include "actors/update/meter.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace ckpt::actors {

class attention {
public:
  using clock = meter::clock;

  /// Call it at every check for heartbeats, of which one is due each `interval`.
  void look(clock::time_point now, clock::duration interval) noexcept {
    const auto since_last = last_look_ ? now - *last_look_ : clock::duration::zero();
    last_look_ = now;
    missed_ = since_last > interval + interval / 4 ? since_last - interval : clock::duration::zero();
  }

  /// When a peer last heard at `heard` would have been heard, had this process not been stopped before this
  /// check.
  [[nodiscard]] clock::time_point forgiving(clock::time_point heard) const noexcept {
    return last_look_ ? std::min(heard + missed_, std::max(heard, *last_look_)) : heard;
  }

private:
  std::optional<clock::time_point> last_look_;
  clock::duration missed_ = clock::duration::zero();
};

} // namespace ckpt::actors
