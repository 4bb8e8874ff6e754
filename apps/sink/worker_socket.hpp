// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The worker's end of the weight channel: a ZeroMQ REP socket whose waits end when the sink ends. With a
// timeout they also end at that deadline and when the pusher is gone. Without one it is like a real worker:
// it waits for ever, and the next process that binds the address becomes its pusher. One thread uses a socket.

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <zmq.hpp>

namespace ckpt::apps::sink {

/// The conversation has ended early.
class channel_closed : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

class worker_socket {
public:
  /// A wait ends when `stop` turns true; without a `timeout` only then.
  worker_socket(zmq::context_t& context, std::optional<std::chrono::milliseconds> timeout,
                const std::atomic<bool>& stop);
  worker_socket(const worker_socket&) = delete;
  worker_socket& operator=(const worker_socket&) = delete;
  ~worker_socket() noexcept;

  /// Starts connecting.
  void connect(const std::string& address) { peer_.connect(address); }

  /// The next message. Throws channel_closed.
  [[nodiscard]] std::string receive();

  /// Answers the message received last.
  void reply(std::string_view text);

  /// Waits, without receiving, until the sink ends or, with a timeout, the pusher is gone or the deadline has
  /// passed.
  void wait_for_end();

  /// Waits for this long, or as long as the sink lives. Throws channel_closed when it ends.
  void pause(std::chrono::nanoseconds duration) const;

private:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] clock::time_point deadline() const;
  [[nodiscard]] bool take(std::string& message);
  [[nodiscard]] bool pusher_is_gone();

  zmq::socket_t peer_;
  zmq::socket_t monitor_;
  std::optional<std::chrono::milliseconds> timeout_;
  const std::atomic<bool>& stop_;
  bool gone_ = false; ///< the pusher has closed its end, for good: no address is used twice
};

} // namespace ckpt::apps::sink
