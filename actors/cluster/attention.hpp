// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Corrects the silence of other hosts by the time in which this process itself was stopped (SIGSTOP, a
// debugger, a live migration). It heard nobody then, although the others may be well. Pure; one thread.

#include "actors/update/meter.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace ckpt::actors {

class attention {
public:
  using clock = meter::clock;

  /// Call it at every check for heartbeats. A check is due each `interval`; a late one means a stop.
  void look(clock::time_point now, clock::duration interval) noexcept {
    const auto since_last = last_look_ ? now - *last_look_ : clock::duration::zero();
    last_look_ = now;
    missed_ = since_last > interval + interval / 4 ? since_last - interval : clock::duration::zero();
  }

  /// Moves `heard`, the time of a peer's last sign of life, forward by the time for which this process was
  /// stopped before this check.
  [[nodiscard]] clock::time_point forgiving(clock::time_point heard) const noexcept {
    return last_look_ ? std::min(heard + missed_, std::max(heard, *last_look_)) : heard;
  }

private:
  std::optional<clock::time_point> last_look_;
  clock::duration missed_ = clock::duration::zero();
};

} // namespace ckpt::actors
