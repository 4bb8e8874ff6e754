// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The resources that an update needs on this host, checked before an engine is asked for anything: running
// out in the middle would leave engines with half of their weights.

#include <cstdint>

namespace ckpt::apps {

struct needed_resources {
  std::uint64_t threads = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t memory_bytes = 0; ///< private memory and files in /dev/shm, which has a limit of its own
};

/// Throws std::runtime_error that says what is missing, how much there is, and which limit to raise. Starts
/// that many threads for a moment: only the kernel knows whether they can be had.
void require_resources(const needed_resources& needed);

/// Raises the soft limit to the hard one: big checkpoints have hundreds of files open, twice.
void raise_open_file_limit() noexcept;

} // namespace ckpt::apps
