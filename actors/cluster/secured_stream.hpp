// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A TCP connection between two hosts, inside TLS where the hosts have certificates. Used by one thread, with
// at most one read and one write under way.

#include "actors/cluster/tls_identity.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

namespace ckpt::actors {

/// Both sides of a connection have to show a certificate of the authority. Throws std::system_error that
/// names the file that cannot be used.
[[nodiscard]] boost::asio::ssl::context make_tls_context(const tls_identity& files);

class secured_stream {
public:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;
  using executor_type = tcp::socket::executor_type;
  using role = boost::asio::ssl::stream_base::handshake_type;

  /// Plain TCP until handshake() is called.
  explicit secured_stream(tcp::socket socket) : socket_{std::move(socket)} {}

  /// May throw for lack of memory.
  void handshake(boost::asio::ssl::context& context, role as, std::function<void(error_code)> done);

  /// Why the other side's certificate was refused; empty when it was not.
  [[nodiscard]] std::string doubt();

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  [[nodiscard]] tcp::socket& socket() noexcept { return socket_; }
  [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }

  /// Cancels what is under way; may be called again.
  void close() noexcept;

private:
  tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<tcp::socket&>> tls_;
};

} // namespace ckpt::actors
