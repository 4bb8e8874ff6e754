// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Listens on a TCP port or a Unix socket and carries requests to the engine and answers back. Runs on the
// thread that runs the io_context.

#include "apps/sink/engine.hpp"

#include <cstdint>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

namespace ckpt::apps::sink {

class http_server {
public:
  /// Listens. Throws boost::system::system_error, or std::runtime_error when a living process listens on the
  /// Unix socket; the socket file of a dead one is replaced. All references outlive the server.
  http_server(boost::asio::io_context& io, const sink_options& options, engine& answers);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server() noexcept;

  /// Where it listens, for people and programs: "http://127.0.0.1:8000" or "unix:/path".
  [[nodiscard]] std::string address() const;

  /// 0 on a Unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
  using protocol = boost::asio::generic::stream_protocol;

  void listen_on(const protocol::endpoint& endpoint);
  void listen_on_unix_socket();
  void listen_on_port();
  void accept();

  boost::asio::io_context& io_;
  const sink_options& options_;
  engine& answers_;
  boost::asio::basic_socket_acceptor<protocol> acceptor_;
  std::uint16_t port_ = 0;
};

} // namespace ckpt::apps::sink
