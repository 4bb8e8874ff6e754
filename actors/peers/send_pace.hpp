// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Holds what is sent to a rate. Pure; one thread.

#include "actors/update/meter.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ckpt::actors {

class send_pace {
public:
  /// 0: no limit.
  explicit send_pace(std::uint64_t bytes_per_second_max = 0) : bytes_per_second_max_{bytes_per_second_max} {}

  /// True when what has been sent so far leaves room for so many bytes more, which count as sent then.
  [[nodiscard]] bool may_send(std::uint64_t bytes) {
    if (bytes_per_second_max_ == 0)
      return true;
    const auto now = meter::clock::now();
    if (now < next_send_)
      return false;
    const std::chrono::duration<double> takes{static_cast<double>(bytes)
                                              / static_cast<double>(bytes_per_second_max_)};
    next_send_ =
        std::max(next_send_, now - burst) + std::chrono::duration_cast<meter::clock::duration>(takes);
    return true;
  }

private:
  /// So much idle time may be made up for by sending faster later.
  static constexpr std::chrono::milliseconds burst{50};

  std::uint64_t bytes_per_second_max_;
  meter::clock::time_point next_send_; ///< nothing is sent before
};

} // namespace ckpt::actors
