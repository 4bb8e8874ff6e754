// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One host's part in the broadcasts among all hosts: the work of a fabric_collective's thread. Used by one
// thread at a time. Only wait(), leave(), the destructor and TCP connections (fabric.hpp) block, for a time
// that is stated there.
//
//   host 0 ──> host 1 ──> host 2 ──> host 3        root on host 0; a root on host 2 goes 2, 3, 0, 1
//   piece 2    piece 1    piece 0
//
// A broadcast travels once around the ring of hosts, in pieces. The host of its root sends them. Every other
// host receives each piece straight into the ring of its first device, forwards it unless the root is next,
// and copies it to its other devices. So no link carries a byte twice, and all links work at once.
//
// Receives are not limited: a broadcast is issued only when its slot is free, so the requested pieces never
// exceed the ring. Sends are limited over all broadcasts together, oldest first. But each broadcast may
// always have one piece in flight, which prevents a deadlock: a broadcast that waits for a slow host could
// otherwise hold back another one that this host is waiting for.

#include "gpu/collective.hpp"
#include "gpu/fabric/fabric.hpp"
#include "gpu/host/host_stream.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::gpu {

/// The tag of a piece. Without the secret nobody can send a message that anyone receives.
[[nodiscard]] std::uint64_t message_tag(std::string_view secret, ticket broadcast, std::uint64_t piece);

class fabric_relay {
public:
  struct order {
    ticket number = 0;
    std::uint32_t root_rank = 0;
    std::uint64_t ring_offset = 0;
    std::uint64_t length = 0;
  };

  /// A broadcast that is through with the network: complete as soon as the local copies up to `copies` are.
  struct arrival {
    ticket number = 0;
    ticket copies = 0;
  };

  /// Throws fabric_error.
  fabric_relay(fabric_options options, host_stream& copies);
  fabric_relay(const fabric_relay&) = delete;
  fabric_relay& operator=(const fabric_relay&) = delete;

  /// Cancels its receives and closes the connections, within about a second for each.
  ~fabric_relay() noexcept;

  [[nodiscard]] std::string address() const { return fabric_.address(); }

  /// Once, before the first broadcast. Throws fabric_error.
  void connect(const collective_peers& ring, std::vector<std::span<std::byte>> rings);

  void issue(const order& issued);

  /// Does all that can be done now. True when there was something.
  bool turn();

  /// Sleeps until there may be something to do.
  void wait(std::chrono::milliseconds timeout) noexcept { fabric_.wait(timeout); }

  /// Ends a wait. Any thread.
  void wake() noexcept { fabric_.wake(); }

  /// Broadcasts that arrived since the last call, in the order of their tickets.
  [[nodiscard]] std::vector<arrival> take_arrivals();

  /// Set once, with the host's number and UCX's error text. Nothing goes on after that.
  [[nodiscard]] const std::optional<queue_failure>& failure() const noexcept { return failure_; }

  /// Says goodbye to both neighbours and waits up to `timeout` for their goodbyes, so that nobody takes the
  /// end of a connection for the loss of a host. Does nothing unless all broadcasts are done.
  void leave(std::chrono::milliseconds timeout);

private:
  struct operation;
  struct neighbour;

  /// One message, and the operation that it belongs to.
  struct message : fabric_transfer {
    neighbour* peer = nullptr;
    operation* part_of = nullptr; ///< null: a goodbye
    std::uint32_t piece = 0;
    bool is_incoming = false;
  };

  struct operation {
    order issued;
    std::span<std::byte> range; ///< in the ring that is received into, or sent from at the root's host
    ticket copies = 0;
    std::vector<message> incoming, outgoing; ///< one a piece, or none
    std::deque<std::uint32_t> to_send;       ///< pieces that are here and not yet sent
    std::size_t received = 0, sent = 0, sending = 0;

    [[nodiscard]] bool is_complete() const noexcept {
      return received == incoming.size() && sent == outgoing.size();
    }
  };

  struct neighbour {
    std::uint32_t host = 0;
    std::unique_ptr<fabric_endpoint> endpoint;
    message goodbye_sent, goodbye_received;
    std::byte letter{}; ///< buffer for their goodbye
    bool has_left = false;
    bool knows_that_we_leave = false;
  };

  neighbour& add_neighbour(std::uint32_t host, const std::string& address);
  [[nodiscard]] std::span<std::byte> piece_of(const operation& whole, std::uint32_t piece) const;
  void receive_pieces(operation& started);
  void settle(message& ended);
  void settle_piece(message& ended);
  void send_more();
  void copy_to_others(operation& whole, std::size_t from_device, std::span<const std::byte> bytes);
  void look_after_neighbours();
  /// Whether anything has still to be received from it or sent to it.
  [[nodiscard]] bool waits_for(const neighbour& peer) const;
  void fail(const neighbour& peer, const char* doing, const char* reason);
  void fail_without_a_reason();
  void fail(const std::string& what);

  std::vector<std::span<std::byte>> rings_; ///< of the local devices
  const fabric_options options_;
  host_stream& copies_;
  collective_peers ring_;
  std::optional<queue_failure> failure_;
  // Declared before the fabric: UCX may write to their messages as long as it lives.
  std::deque<std::unique_ptr<operation>> operations_;
  std::vector<std::unique_ptr<neighbour>> neighbours_;
  neighbour* previous_ = nullptr; ///< the same as next_ when there are two hosts
  neighbour* next_ = nullptr;
  std::size_t sending_ = 0;
  ticket last_issued_ = 0;
  fabric fabric_;
};

} // namespace ckpt::gpu
