// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Records when the parts of one stage began and ended, for the trace of an update. A part is a bucket, or a step of a
// worker or a server. The stage's own thread writes; any thread reads. Bound: the parts that reserve() makes room for;
// all others are left out. Nothing is allocated, and nobody waits, while the stage runs.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace ckpt::actors {

/// One part of a stage. Times count from the start of the update on its host.
struct span {
  std::uint32_t part = 0; ///< number of the bucket or step
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  bool is_over = true; ///< false: it still went on, or hung, at `end_ns`
};

class track {
public:
  using clock = std::chrono::steady_clock;

  /// Makes room for the parts 0, `every`, 2 * `every` … below `parts`. Call it once, before the stage starts.
  void reserve(std::uint32_t parts, std::uint32_t every = 1) {
    count_ = (parts + every - 1) / every;
    every_ = every;
    times_ = std::make_unique<times[]>(count_);
  }

  /// The part begins. Only the first call for a part counts.
  void begin(std::uint32_t part) noexcept {
    if (auto* found = find(part); found != nullptr && found->begin_ns.load(std::memory_order_relaxed) == 0)
      found->begin_ns.store(now_ns(), std::memory_order_relaxed);
  }
  void begin(std::uint32_t part, clock::time_point when) noexcept {
    if (auto* found = find(part))
      found->begin_ns.store(since_boot(when), std::memory_order_relaxed);
  }

  /// The part has ended.
  void end(std::uint32_t part) noexcept {
    if (auto* found = find(part))
      found->end_ns.store(now_ns(), std::memory_order_relaxed);
  }
  void end(std::uint32_t part, clock::time_point when) noexcept {
    if (auto* found = find(part))
      found->end_ns.store(since_boot(when), std::memory_order_relaxed);
  }

  /// One of so many pieces of the part has ended; the part has with the last of them.
  void end_piece(std::uint32_t part, std::uint32_t pieces) noexcept {
    if (auto* found = find(part); found != nullptr && ++found->pieces_ended == pieces)
      found->end_ns.store(now_ns(), std::memory_order_relaxed);
  }

  /// The parts that have begun, by number. One that goes on ends at `until`.
  [[nodiscard]] std::vector<span> spans(clock::time_point origin,
                                        clock::time_point until = clock::now()) const {
    std::vector<span> begun;
    for (std::uint32_t index = 0; index < count_; ++index) {
      const auto begin_ns = times_[index].begin_ns.load(std::memory_order_relaxed);
      const auto end_ns = times_[index].end_ns.load(std::memory_order_relaxed);
      if (begin_ns != 0)
        begun.push_back({index * every_, begin_ns - since_boot(origin),
                         (end_ns != 0 ? end_ns : std::max(begin_ns, since_boot(until))) - since_boot(origin),
                         end_ns != 0});
    }
    return begun;
  }

private:
  /// 0: not yet.
  struct times {
    std::atomic<std::int64_t> begin_ns = 0;
    std::atomic<std::int64_t> end_ns = 0;
    std::uint32_t pieces_ended = 0; ///< for the stage's thread alone
  };

  [[nodiscard]] times* find(std::uint32_t part) noexcept {
    return part % every_ == 0 && part / every_ < count_ ? &times_[part / every_] : nullptr;
  }
  [[nodiscard]] static std::int64_t since_boot(clock::time_point when) noexcept {
    return std::chrono::nanoseconds{when.time_since_epoch()}.count();
  }
  [[nodiscard]] static std::int64_t now_ns() noexcept { return since_boot(clock::now()); }

  std::unique_ptr<times[]> times_;
  std::uint32_t count_ = 0;
  std::uint32_t every_ = 1;
};

} // namespace ckpt::actors
