// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long those who take part in a failed update are given to hear of it. Pure; any thread.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace ckpt::actors {

/// How long an abort waits for a worker that has not come yet, and for the server's last word.
[[nodiscard]] inline std::chrono::milliseconds abort_grace(std::chrono::milliseconds timeout) {
  return std::min(timeout, std::chrono::milliseconds{5'000});
}

/// "300 s", "2.5 s".
[[nodiscard]] inline std::string describe_seconds(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", static_cast<double>(time.count()) / 1000);
  return text;
}

} // namespace ckpt::actors
