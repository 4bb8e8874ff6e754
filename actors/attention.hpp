// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whoever was stopped himself (SIGSTOP, a closed lid, a machine that moves) has heard nobody meanwhile, which
// says nothing about the others. Pure; one thread.

#include "actors/meter.hpp"

#include <chrono>
#include <optional>

namespace ckpt::actors {

class attention {
public:
  /// To be called at every look for signs of life, of which one is due each `interval`: the time that this
  /// process has slept through since the last one, to be forgiven to everybody. Usually zero.
  [[nodiscard]] meter::clock::duration missed(meter::clock::time_point now,
                                              meter::clock::duration interval) noexcept {
    const auto since_last = last_look_ ? now - *last_look_ : meter::clock::duration::zero();
    last_look_ = now;
    return since_last > 2 * interval ? since_last - interval : meter::clock::duration::zero();
  }

private:
  std::optional<meter::clock::time_point> last_look_;
};

} // namespace ckpt::actors
