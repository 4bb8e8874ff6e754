// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The weight channel to one worker of an engine: ZeroMQ (zmtp.hpp) over an abstract Unix socket, which this
// side binds and the worker connects to with a REP socket. One message is under way at a time and gets one
// reply, except an abort, which gets none. One thread uses a channel.
//
// Any process of the network namespace can connect to such a socket. So a process of another user, root
// excepted, is not let in, unless this process is root's; a connection counts as a worker only once it has
// greeted as a REP socket does; and a reply counts only when one is due.

#include "io/engine/zmtp.hpp"
#include "io/fd.hpp"

#include <chrono>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include <poll.h>

namespace ckpt::io {

class worker_channel {
public:
  /// Binds `ipc://@checkpoint-engine-<device_uuid>-<serial>.sock`. Throws std::system_error; address_in_use
  /// means that another pusher is updating this device, and the message names that process.
  worker_channel(std::string_view device_uuid, unsigned serial);
  worker_channel(const worker_channel&) = delete;
  worker_channel& operator=(const worker_channel&) = delete;

  /// The address that the HTTP request gives for the device's UUID.
  [[nodiscard]] const std::string& address() const noexcept { return address_; }

  /// The address that the channel for this device and serial number has.
  [[nodiscard]] static std::string address_of(std::string_view device_uuid, unsigned serial);

  /// Queues a message; it leaves when the worker is connected.
  void send(std::string message);

  /// Drops what has not left yet.
  void discard_unsent() noexcept { unsent_.clear(); }

  enum class event {
    none,        ///< nothing happened within the time
    reply,       ///< last_reply() holds the worker's answer to the last message
    peer_lost,   ///< the worker closed its end, or died
    second_peer, ///< another worker connected; it gets no message while the first is there
    babble,      ///< the worker sent an unasked or invalid message: see babble()
  };

  /// Waits up to `timeout` for the next event.
  [[nodiscard]] event wait(std::chrono::milliseconds timeout);

  /// Empty when the worker agreed, else its error text.
  [[nodiscard]] const std::string& last_reply() const noexcept { return reply_; }

  /// The fault of the worker's message, as the end of a sentence about the worker.
  [[nodiscard]] const std::string& babble() const noexcept { return babble_; }

  /// The first process that was not let in, if any: "process 12 of user 1000".
  [[nodiscard]] const std::string& refused() const noexcept { return refused_; }

  /// The worker's process, as the kernel knows it: "process 12 of user 1000"; empty when there is none.
  [[nodiscard]] std::string peer_name() const;

  /// True once a worker has connected; forget_peer() starts anew.
  [[nodiscard]] bool peer_seen() const noexcept { return peer_seen_; }

  /// Makes the channel ready for another worker once one has been lost.
  void forget_peer() noexcept;

  /// True when every message has left for the worker.
  [[nodiscard]] bool all_sent() const noexcept {
    return unsent_.empty() && (workers_.empty() || workers_.front().session.unwritten().empty());
  }

private:
  using clock = std::chrono::steady_clock;

  /// A connection: that of a worker once its session is open, of a stranger before.
  struct peer {
    fd socket;
    zmtp_session session;
    clock::time_point since;
  };

  void accept_strangers();
  void greet_strangers();
  void take_bytes(peer& one);
  [[nodiscard]] bool babbles(peer& worker);
  void hear_worker();
  void drop_second_workers_that_left(std::span<const pollfd> seen);
  [[nodiscard]] event next_event();
  void flush();

  std::string address_;
  fd listener_;
  clock::time_point accept_again_{};
  std::deque<peer> strangers_;
  std::deque<peer> workers_; ///< the first is the one in use
  std::string reply_;
  std::string babble_;
  std::string refused_;
  std::deque<std::string> unsent_; ///< two at most: a request and an abort, or two aborts
  unsigned missing_replies_ = 0;
  bool peer_seen_ = false;
  bool babbled_ = false;          ///< not yet reported
  bool peer_lost_ = false;        ///< not yet reported
  bool second_peer_came_ = false; ///< not yet reported
};

} // namespace ckpt::io
