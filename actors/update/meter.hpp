// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Counts what one stage of the pipeline has done, and records when. The stage's own thread writes; any thread reads,
// for the progress line, the report and the trace.

#include "actors/update/track.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ckpt::actors {

class meter {
public:
  using clock = track::clock;

  track buckets; ///< for the trace; records nothing unless there is one

  void add_bytes(std::uint64_t count) noexcept { bytes_.fetch_add(count, std::memory_order_relaxed); }

  /// Tells whether the stage has anything under way. Busy time is the time between becoming busy and becoming
  /// idle: what the stage would need if all others took no time.
  void set_busy(bool busy) noexcept {
    if (busy == busy_)
      return;
    const auto now = clock::now();
    if (!busy)
      busy_ns_.fetch_add(std::chrono::nanoseconds{now - since_}.count(), std::memory_order_relaxed);
    busy_ = busy;
    since_ = now;
  }

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] double busy_seconds() const noexcept {
    return static_cast<double>(busy_ns_.load(std::memory_order_relaxed)) / 1e9;
  }

private:
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::int64_t> busy_ns_ = 0;
  bool busy_ = false;       // The stage's thread only.
  clock::time_point since_; // The stage's thread only.
};

} // namespace ckpt::actors
