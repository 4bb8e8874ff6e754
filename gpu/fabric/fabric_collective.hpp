// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Broadcasts among the host devices of several hosts. Rank = host * devices per host + device. How the bytes
// travel is told in fabric_relay.hpp.
//
// A thread of its own drives UCX and sleeps when there is nothing to do. A broadcast is complete on a host
// when its bytes are in all rings of this host and everything that this host had to send on is gone: then the
// slot may be written anew.
//
// Slots are the permission to write: no byte from another host lands in a ring before the broadcast that it
// belongs to was issued here, and only a message whose 64-bit tag is the keyed hash of that broadcast and
// piece lands at all. That keeps out what is left of another update.
//
// Strangers are kept out before that, over TCP: who was not told this host's address, of which a random key
// is a part, is turned away before UCX sees a byte of him (fabric_door.hpp). That is no cipher, and the hash
// is no signature: whoever can read or change what passes on the network is not kept out, nor is there a door
// in front of transports other than TCP. The integrity and secrecy of the data network are the network's
// business.
//
// Only its neighbours notice that a host is lost; the others merely wait. Telling them is the coordinator's
// business.

#include "gpu/fabric/fabric_relay.hpp"
#include "gpu/host/host_device.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace ckpt::gpu {

class fabric_collective final : public collective {
public:
  /// The local devices, in the order of their ranks; they outlive the collective, and have their rings when
  /// connect() is called. Opens the network, so that address() can be told to the others. Throws
  /// fabric_error, naming the failing call.
  fabric_collective(std::vector<const host_device*> devices, fabric_options options);
  fabric_collective(const fabric_collective&) = delete;
  fabric_collective& operator=(const fabric_collective&) = delete;

  /// After the last broadcast is complete it first waits up to a second for the neighbours to have all of
  /// theirs. Otherwise it ends the connections at once, which is a failure for them. In every state of the
  /// other hosts it takes a few seconds at most.
  ~fabric_collective() noexcept override;

  [[nodiscard]] std::string description() const override { return "a ring of hosts over UCX"; }

  /// Opaque bytes that lead the two neighbours here.
  [[nodiscard]] std::string address() override { return relay_.address(); }

  /// Once, before the first broadcast. Throws fabric_error; does not wait for the other hosts.
  void connect(const collective_peers& ring) override;

  ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) override;
  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override;

private:
  void run(const std::stop_token& stop);
  void take_issued();
  void publish();

  host_stream copies_;
  fabric_relay relay_; ///< the thread's, once it runs
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
