// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The seam between the pipeline and whatever brings a bucket from its owner's ring into everybody else's.
// Every host issues the same broadcasts in the same order, the global sequence of buckets; completion is
// polled like a device's copies. One thread uses a collective (the broadcaster's).

#include "gpu/device.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace ckpt::gpu {

/// What one host has to know of the others.
struct collective_peers {
  std::uint32_t host = 0;
  std::uint32_t hosts = 1;
  std::string previous_address; ///< address() of host (host + hosts - 1) % hosts
  std::string next_address;     ///< address() of host (host + 1) % hosts
  std::string secret;           ///< at least 16 random bytes that all hosts of this one update know
  std::string first_address{};  ///< address() of host 0
  bool stays_connected = false; ///< all hosts gave the same connection(), which is not empty
};

class collective {
public:
  virtual ~collective() noexcept = default;

  /// For the log: what it is made of.
  [[nodiscard]] virtual std::string description() const = 0;

  /// Opaque bytes that lead the other hosts here; empty where there are no other hosts.
  [[nodiscard]] virtual std::string address() { return {}; }

  /// Names what still connects this host with the others since an earlier update; empty when nothing does.
  [[nodiscard]] virtual std::string connection() { return {}; }

  /// Called once, before the first broadcast. Throws the collective's own error; waits for nobody.
  virtual void connect(const collective_peers&) {}

  /// Queues the broadcast of bytes [ring_offset, ring_offset + length) from the ring of `root_rank`, where
  /// they are complete, to the same place in all other rings, where nothing reads.
  virtual ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) = 0;

  /// Waits up to `timeout` for a broadcast after `seen` to complete, or for a failure.
  [[nodiscard]] virtual queue_progress wait(ticket seen, std::chrono::milliseconds timeout) = 0;

  /// From connect() until broadcasts could go out; 0 before, and where nothing has to be connected. Any
  /// thread.
  [[nodiscard]] virtual std::chrono::duration<double> connecting_took() const noexcept { return {}; }

  /// The last call of the thread that uses it, which may end now: gives up what is under way.
  virtual void stop() noexcept {}

  /// True once something could not be given up: devices and their memory may wait for it for ever, and only
  /// the end of the process gets rid of it. Any thread.
  [[nodiscard]] virtual bool is_stuck() const noexcept { return false; }
};

} // namespace ckpt::gpu
