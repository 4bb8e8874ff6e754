// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The interface through which the pipeline copies a bucket from its owner's ring into all other rings.
// Every host issues the same broadcasts in the same order, that of the buckets. Completion is polled, as for
// a device's copies. One thread uses a collective (the broadcaster's).

#include "gpu/device.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace ckpt::gpu {

/// One host's place among all hosts of an update, and how it reaches the others.
struct collective_peers {
  std::uint32_t host = 0;
  std::uint32_t hosts = 1;
  std::string previous_address; ///< address() of host (host + hosts - 1) % hosts
  std::string next_address;     ///< address() of host (host + 1) % hosts
  std::string secret;           ///< at least 16 random bytes that all hosts of this one update know
  std::string first_address{};  ///< address() of host 0
  bool stays_connected = false; ///< all gave the same connection(), not empty: its links are used again
};

class collective {
public:
  virtual ~collective() noexcept = default;

  /// How bytes travel, for the log.
  [[nodiscard]] virtual std::string description() const = 0;

  /// Opaque bytes with which other hosts connect to this one; empty where there are no other hosts.
  [[nodiscard]] virtual std::string address() { return {}; }

  /// Identifies links to other hosts that an earlier update has left open; empty when there are none.
  [[nodiscard]] virtual std::string connection() { return {}; }

  /// Called once, before the first broadcast. Throws the collective's own error. Does not wait until other
  /// hosts call it.
  virtual void connect(const collective_peers&) {}

  /// Queues the broadcast of bytes [ring_offset, ring_offset + length) from the ring of `root_rank`, where
  /// they are complete, to the same place in all other rings, where nobody may read meanwhile.
  virtual ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) = 0;

  /// Waits up to `timeout` for a broadcast after `seen` to complete, or for a failure.
  [[nodiscard]] virtual queue_progress wait(ticket seen, std::chrono::milliseconds timeout) = 0;

  /// Time from connect() until broadcasts could start; 0 before, and where nothing has to be connected. Any
  /// thread.
  [[nodiscard]] virtual std::chrono::duration<double> connecting_took() const noexcept { return {}; }

  /// The last call of the thread that uses it, which may end then. Gives up broadcasts under way.
  virtual void stop() noexcept {}

  /// True once an operation could not be stopped. To free a device or its memory may then wait for ever: only
  /// the end of the process frees them. Any thread.
  [[nodiscard]] virtual bool is_stuck() const noexcept { return false; }
};

} // namespace ckpt::gpu
