// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One connection of an HTTP server, inside TLS if the server has a certificate: reads requests one after
// another, lets the handler answer each, and notices when the client goes away while an answer is
// outstanding. Owned by its own pending operations; lives on the io_context's thread. The handshake, each
// request, each answer and the good-bye inside TLS have `http_server_options::timeout` each.

#include "io/http/http_exchange.hpp"
#include "io/http/http_server.hpp"
#include "io/secured_stream.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace ckpt::io {

class http_session : public std::enable_shared_from_this<http_session> {
public:
  using protocol = boost::asio::generic::stream_protocol;
  using clock = std::chrono::steady_clock;

  /// `tls` is null for plain HTTP.
  http_session(protocol::socket socket, http_server_options options, http_handler handler,
               std::shared_ptr<boost::asio::ssl::context> tls);

  void start();

  /// The time since which the client is awaited; nothing while an answer is outstanding.
  [[nodiscard]] std::optional<clock::time_point> silent_since() const noexcept { return silent_since_; }

  void close();

private:
  class one_exchange;

  void shake_hands();
  void refuse_plain_http();
  void read();
  void dispatch();
  void watch_client(const std::shared_ptr<one_exchange>& waiting);
  void refuse(unsigned status, const std::string& why);
  void write(const http_answer& what);
  void finish();

  /// Of a request that was refused before all of it had come. Closed at once, the connection would be reset,
  /// and the client could lose the answer. Ends when the time for the answer is over.
  void forget_the_rest();

  io::secured_stream<boost::beast::basic_stream<protocol>> stream_;
  http_server_options options_;
  http_handler handler_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  char first_byte_ = 0;
  boost::asio::steady_timer look_again_; ///< at a client that waits for its answer
  std::optional<clock::time_point> silent_since_;
  boost::beast::flat_buffer buffer_; ///< bounded
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  boost::beast::http::response<boost::beast::http::string_body> response_;
  std::string raw_;
};

} // namespace ckpt::io
