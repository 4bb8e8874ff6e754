// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an update needs of this host, looked at before an engine is asked for anything: what is missing in the
// middle would leave engines with half of their weights.

#include <cstdint>

namespace ckpt::apps {

struct needed_resources {
  std::uint64_t threads = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t memory_bytes =
      0; ///< private, and in files in /dev/shm: that these fit there is seen when they are made
};

/// Throws std::runtime_error that says what is missing, how much of it there is, and which limit to raise.
/// Threads are tried out: nothing but the kernel knows whether it would give them.
void require_resources(const needed_resources& needed);

/// Big checkpoints have hundreds of files open, twice; the usual soft limit of 1024 is a shell's.
void raise_open_file_limit() noexcept;

} // namespace ckpt::apps
