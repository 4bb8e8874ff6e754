// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A server that does to each connection what a test tells it, byte by byte, so that a client can be shown
// every way in which a real one misbehaves. Owns one thread; the script runs there.

#include "io/fd.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ckpt::tests {

/// The server's end of one connection. All calls end at once when the server is destroyed.
class connection {
public:
  explicit connection(int socket) : socket_{socket} {}

  /// The request with its body, as long as Content-Length says.
  [[nodiscard]] std::string read_request();

  void write(std::string_view bytes);

  /// Sends a complete answer.
  void answer(unsigned status, std::string_view body);

  /// Returns when the client has closed its end.
  void await_close();

  /// Lets the connection end with a reset instead of an orderly close.
  void reset_on_close();

private:
  int socket_;
};

class scripted_server {
public:
  using script = std::function<void(connection&)>;

  /// Listens on 127.0.0.1, or on ::1, at a port of the kernel's choice.
  enum class family { ipv4, ipv6 };
  explicit scripted_server(script each, family on = family::ipv4);

  /// Listens on the Unix socket `path`, which must not exist and is removed at the end.
  scripted_server(std::string path, script each);

  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;
  ~scripted_server() noexcept;

  [[nodiscard]] unsigned port() const noexcept { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

private:
  void serve();

  script script_;
  std::string path_;
  unsigned port_ = 0;
  io::fd listener_;
  std::mutex mutex_; ///< guards the two below
  int open_ = -1;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace ckpt::tests
