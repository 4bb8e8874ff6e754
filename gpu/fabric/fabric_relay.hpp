// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One host's part in the broadcasts among all hosts: what the thread of a fabric_collective does. Belongs to
// one thread at a time; blocks nowhere but in wait(), leave() and the destructor, which say for how long.
//
//   host 0 ──> host 1 ──> host 2 ──> host 3        root on host 0; a root on host 2 goes 2, 3, 0, 1
//   piece 2    piece 1    piece 0
//
// A broadcast travels once around the ring of hosts in pieces. Its root's host sends them; every other host
// receives each where it belongs in the ring of its first device, sends it on unless the root comes next, and
// copies it to its other devices. So every link carries every byte once, and all of them work at once.
//
// Receiving is not limited: a broadcast is only issued when its slot is free, so the pieces asked for never
// exceed the ring. Sending is, over all broadcasts together and the oldest first, but each of them may always
// have one piece under way: otherwise one that waits for a slow host could keep back another for which that
// host waits.

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

/// The tag of a piece: nobody who does not know the secret can make a message that anyone waits for.
[[nodiscard]] std::uint64_t message_tag(std::string_view secret, ticket broadcast, std::uint64_t piece);

class fabric_relay {
public:
  struct order {
    ticket number = 0;
    std::uint32_t root_rank = 0;
    std::uint64_t ring_offset = 0;
    std::uint64_t length = 0;
  };

  /// A broadcast that needs the network no more: done as soon as the local copies up to `copies` are.
  struct arrival {
    ticket number = 0;
    ticket copies = 0;
  };

  /// Throws fabric_error.
  fabric_relay(fabric_options options, host_stream& copies);
  fabric_relay(const fabric_relay&) = delete;
  fabric_relay& operator=(const fabric_relay&) = delete;

  /// Takes back what was asked for and closes the connections, within about a second for each.
  ~fabric_relay() noexcept;

  [[nodiscard]] std::string address() const { return fabric_.address(); }

  /// Once, before the first broadcast. Throws fabric_error.
  void connect(const collective_peers& ring, std::vector<std::span<std::byte>> rings);

  void issue(const order& issued);

  /// Does what can be done now. True when that was something.
  bool turn();

  /// Sleeps until there may be something to do.
  void wait(std::chrono::milliseconds timeout) noexcept { fabric_.wait(timeout); }

  /// Ends a wait. Any thread.
  void wake() noexcept { fabric_.wake(); }

  /// Those that arrived since the last call, in the order of their tickets.
  [[nodiscard]] std::vector<arrival> take_arrivals();

  /// Set once, with the host's number and UCX's words. Nothing is to be done after it.
  [[nodiscard]] const std::optional<queue_failure>& failure() const noexcept { return failure_; }

  /// Tells both neighbours that all is done and waits up to `timeout` for the same from them, so that nobody
  /// takes the end of a connection for the loss of a host. Does nothing when all is not done.
  void leave(std::chrono::milliseconds timeout);

private:
  struct operation;
  struct neighbour;

  /// One message, and what it is part of.
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
    std::deque<std::uint32_t> to_send;       ///< pieces that are here
    std::size_t received = 0, sent = 0, sending = 0;

    [[nodiscard]] bool is_complete() const noexcept {
      return received == incoming.size() && sent == outgoing.size();
    }
  };

  struct neighbour {
    std::uint32_t host = 0;
    std::unique_ptr<fabric_endpoint> endpoint;
    message goodbye_sent, goodbye_received;
    std::byte letter{}; ///< what their goodbye is received into
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
  /// Whether anything has yet to come from it or go to it.
  [[nodiscard]] bool waits_for(const neighbour& peer) const;
  void fail(const neighbour& peer, const char* doing, const char* reason);
  void fail_without_a_reason();
  void fail(const std::string& what);

  std::vector<std::span<std::byte>> rings_; ///< of the local devices
  const fabric_options options_;
  host_stream& copies_;
  collective_peers ring_;
  std::optional<queue_failure> failure_;
  // UCX may come back to the messages in these as long as the fabric lives.
  std::deque<std::unique_ptr<operation>> operations_;
  std::vector<std::unique_ptr<neighbour>> neighbours_;
  neighbour* previous_ = nullptr; ///< the same as next_ of two hosts
  neighbour* next_ = nullptr;
  std::size_t sending_ = 0;
  ticket last_issued_ = 0;
  fabric fabric_;
};

} // namespace ckpt::gpu
