// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Elapsed and processor time of a piece of work in this process. The kernel's io_uring workers are threads of
// the process and count.

#include "apps/bench/report.hpp"

#include <chrono>

#include <sys/resource.h>

namespace ckpt::apps::bench {

class stopwatch {
public:
  /// The time since the construction, for work that moved `bytes`.
  [[nodiscard]] measurement stop(std::uint64_t bytes) const {
    const std::chrono::duration<double> elapsed = clock::now() - start_;
    return {bytes, elapsed.count(), cpu_seconds() - cpu_start_, 0};
  }

private:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] static double cpu_seconds() noexcept {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  clock::time_point start_ = clock::now();
  double cpu_start_ = cpu_seconds();
};

} // namespace ckpt::apps::bench
