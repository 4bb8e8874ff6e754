// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The weight channel to one worker of an engine: ZeroMQ over an abstract Unix socket, which this side binds
// and the worker connects to with a REP socket. One message is under way at a time and gets one reply, except
// an abort, which gets none. One thread uses a channel.
//
// A DEALER socket stands where the reference has a REQ: on the wire it is the same, but an abort can follow a
// request whose reply is still missing.

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace ckpt::io {

class worker_channel {
public:
  /// Binds `ipc://@checkpoint-engine-<device_uuid>-<serial>.sock`. Throws std::system_error; address_in_use
  /// means that another pusher is updating this device.
  worker_channel(std::string_view device_uuid, unsigned serial);
  worker_channel(const worker_channel&) = delete;
  worker_channel& operator=(const worker_channel&) = delete;
  ~worker_channel() noexcept;

  /// What goes into the HTTP request, keyed by the device's uuid.
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
    second_peer, ///< somebody else connected too: who gets which message is no longer certain
  };

  /// Waits up to `timeout` for the next event.
  [[nodiscard]] event wait(std::chrono::milliseconds timeout);

  /// Empty when the worker agreed, else its error text.
  [[nodiscard]] const std::string& last_reply() const noexcept { return reply_; }

  /// True once a worker has connected.
  [[nodiscard]] bool peer_seen() const noexcept { return peer_seen_; }

  /// Makes the channel ready for another worker once one has been lost.
  void forget_peer() noexcept;

  /// True when every message has left for the worker.
  [[nodiscard]] bool all_sent() const noexcept { return unsent_.empty(); }

private:
  struct sockets;
  void flush();
  [[nodiscard]] bool receive();
  [[nodiscard]] event read_monitor();

  std::unique_ptr<sockets> sockets_;
  std::string address_;
  std::string reply_;
  std::deque<std::string> unsent_; // Two at most: a request and an abort, or two aborts.
  bool peer_seen_ = false;
  unsigned peers_ = 0;
};

} // namespace ckpt::io
