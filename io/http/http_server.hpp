// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Listens on a TCP port or a Unix socket, with or without TLS, and passes requests to a handler and its
// answers back. Runs on the thread that runs the io_context. Bounds: connections, the length of a request,
// and the time in which it, or a handshake, has to arrive. When all connections are taken, a silent one is
// closed: of the addresses with the most of them, the one that has sent nothing for the longest time. If all
// wait for answers, it is the oldest.

#include "io/http/http_exchange.hpp"
#include "io/tls_context.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace ckpt::io {

class http_session;

/// Where a server listens.
struct http_listen_address {
  std::string host; ///< name or address
  std::uint16_t port = 0;
  std::string unix_socket_path;      ///< if set, listen there and nowhere else
  std::optional<tls_files> tls = {}; ///< if set, inside TLS: the certificate and its key. Clients need none
};

struct http_server_options {
  std::string name;                          ///< of the program, for the Server header
  std::chrono::milliseconds timeout{10'000}; ///< of each read and write, not of the handler's work
  std::size_t connections_max = 256;
  std::uint64_t body_bytes_max = 4 << 20;
  bool is_private = false; ///< only the owner may use the Unix socket's file
};

class http_server {
public:
  /// Listens. Throws boost::system::system_error; std::system_error that names a certificate or key that
  /// cannot be used; or std::runtime_error when the Unix socket's path is in use by another file or a living
  /// process. A dead one's socket is replaced. `context` outlives the server.
  http_server(boost::asio::io_context& context, http_listen_address where, http_server_options options,
              http_handler handler);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server() noexcept;

  /// Where it listens, for people and programs: "http://127.0.0.1:8000", "https://…" or "unix:/path".
  [[nodiscard]] std::string address() const;

  /// 0 on a Unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
  using protocol = boost::asio::generic::stream_protocol;

  void listen_on(const protocol::endpoint& endpoint);
  void listen_on_unix_socket();
  void listen_on_port();
  void accept();
  void make_room();

  /// A connection, and the address that it comes from; the same for all on a Unix socket.
  struct guest {
    std::weak_ptr<http_session> session;
    std::string from;
  };

  boost::asio::io_context& context_;
  http_listen_address where_;
  http_server_options options_;
  http_handler handler_;
  boost::asio::basic_socket_acceptor<protocol> acceptor_;
  boost::asio::steady_timer accept_again_;
  std::shared_ptr<boost::asio::ssl::context> tls_; ///< null without TLS
  std::list<guest> guests_;                        ///< the oldest first
  std::uint16_t port_ = 0;
};

} // namespace ckpt::io
