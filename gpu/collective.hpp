// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The seam between the pipeline and whatever brings a bucket from its owner's ring into everybody else's.
// Every host issues the same broadcasts in the same order, the global sequence of buckets; completion is
// polled like a device's copies. One thread uses a collective (the broadcaster's).

#include "gpu/device.hpp"

#include <chrono>
#include <cstdint>

namespace ckpt::gpu {

class collective {
public:
  virtual ~collective() noexcept = default;

  /// Queues the broadcast of bytes [ring_offset, ring_offset + length) from the ring of `root_rank`, where
  /// they are complete, to the same place in all other rings, where nothing reads.
  virtual ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) = 0;

  /// Waits up to `timeout` for a broadcast after `seen` to complete, or for a failure.
  [[nodiscard]] virtual queue_progress wait(ticket seen, std::chrono::milliseconds timeout) = 0;
};

} // namespace ckpt::gpu
