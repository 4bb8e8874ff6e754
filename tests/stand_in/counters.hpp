// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The counters behind `statistics`. With STAND_IN_REPORT they lie in that file, which all processes map that
// name it: so they add up, and are still there after a SIGKILL.

#include <atomic>
#include <cstdint>

namespace ckpt::stand_in {

struct counters {
  std::atomic<std::uint64_t> registered_bytes;
  std::atomic<std::uint64_t> pageable_bytes;
  std::atomic<std::uint64_t> vanished_bytes;
  std::atomic<std::uint64_t> allocations;
  std::atomic<std::uint64_t> registrations;
  std::atomic<std::uint64_t> openings;
  std::atomic<std::uint64_t> communicators;
  std::atomic<std::uint64_t> contexts;
  std::atomic<std::uint64_t> registrations_ever;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "processes share them");

[[nodiscard]] counters& counted();

} // namespace ckpt::stand_in
