// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Connects again where the network is away for a moment: a cable that has just been plugged in, or a switch
// that has just started, makes a host unreachable. UCX would not try again. Pure but for the waits.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

namespace ckpt::gpu {

/// The caller waits meanwhile: for both neighbours of a host less than --host-timeout.
inline constexpr std::chrono::milliseconds unreachable_max{1'500}, unreachable_wait{50};

/// Calls `connect_once`, which returns true or sets errno, until it succeeds or fails for good. A host is
/// unreachable for good after `unreachable_max`, or `time_max` if that is less. errno says why.
template <class Connect>
[[nodiscard]] bool connect_patiently(Connect connect_once, std::chrono::milliseconds time_max) {
  std::optional<std::chrono::steady_clock::time_point> deadline; // Set at the first failure.
  while (!connect_once()) {
    // After a failure in the background, Linux answers one attempt with ECONNABORTED, and then begins anew.
    const bool is_passing =
        errno == EHOSTUNREACH || errno == ENETUNREACH || (deadline && errno == ECONNABORTED);
    const auto now = std::chrono::steady_clock::now();
    if (!is_passing || now > deadline.value_or(now))
      return false;
    if (!deadline)
      deadline = now + std::min(unreachable_max, time_max);
    std::this_thread::sleep_for(unreachable_wait);
  }
  return true;
}

} // namespace ckpt::gpu
