// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long a failed update waits for its workers and servers. Pure; any thread.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace ckpt::actors {

/// How long an abort waits for a worker that is there to close its channel, for one that the server of a lost
/// host may still start, and for a server's answer once all its workers have been told.
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
