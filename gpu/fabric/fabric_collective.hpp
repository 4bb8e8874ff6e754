// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Broadcasts among the host devices of several hosts. Rank = host * devices per host + device.
// fabric_relay.hpp explains how the bytes travel.
//
// A thread of its own drives UCX and sleeps when there is nothing to do. A broadcast is complete on a host
// when its bytes are in all rings of this host and everything that this host had to forward has been sent:
// then the slot may be overwritten.
//
// A free slot is the permission to write: no byte from another host lands in a ring before this host has
// issued that broadcast, and only a message lands whose 64-bit tag is the keyed hash of broadcast and piece.
// That keeps out late messages of another update.
//
// Over TCP, strangers are kept out earlier: the address holds a random key, and a connection without it is
// closed before UCX sees a byte (fabric_door.hpp). This is neither encryption nor a signature: it does not
// stop whoever can read or change the traffic, and it does not cover transports other than TCP. Integrity and
// secrecy of the data network are the network's business.
//
// Only the neighbours of a lost host notice the loss; other hosts just wait. The coordinator tells them.

#include "gpu/fabric/fabric_relay.hpp"
#include "gpu/host/host_device.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace ckpt::gpu {

class fabric_collective final : public collective {
public:
  /// `devices` are the local ones in the order of their ranks. They outlive the collective, and have their
  /// rings when connect() is called. Opens the network, so that address() is valid. Throws fabric_error that
  /// names the failing call.
  fabric_collective(std::vector<const host_device*> devices, fabric_options options);
  fabric_collective(const fabric_collective&) = delete;
  fabric_collective& operator=(const fabric_collective&) = delete;

  /// If all broadcasts are complete, it first waits up to a second until the neighbours have all of theirs.
  /// Otherwise it closes the connections at once, which the neighbours see as a failure. Takes a few seconds
  /// at most, whatever state the other hosts are in.
  ~fabric_collective() noexcept override;

  [[nodiscard]] std::string description() const override { return "a ring of hosts over UCX"; }

  /// Opaque bytes with which the two neighbours connect to this host.
  [[nodiscard]] std::string address() override { return relay_.address(); }

  /// Once, before the first broadcast. Throws fabric_error. Does not wait for the other hosts' programs.
  void connect(const collective_peers& ring) override;

  ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) override;
  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override;

private:
  void run(const std::stop_token& stop);
  void take_issued();
  void publish();

  host_stream copies_;
  fabric_relay relay_; ///< used by the thread alone, once it runs
  std::vector<const host_device*> devices_;

  std::mutex mutex_; ///< guards what follows
  std::condition_variable changed_;
  ticket issued_ = 0;
  std::vector<fabric_relay::order> orders_;
  std::deque<fabric_relay::arrival> arrivals_;
  queue_progress progress_;

  std::jthread thread_; // Last: it uses everything above.
};

} // namespace ckpt::gpu
