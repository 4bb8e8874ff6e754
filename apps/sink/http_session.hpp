// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One connection: reads requests one after another, lets the engine answer each, and notices when the client
// goes away while an answer is outstanding. Owned by its own pending operations; lives on the io_context's
// thread.

#include "apps/sink/engine.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace ckpt::apps::sink {

class http_session : public std::enable_shared_from_this<http_session> {
public:
  using protocol = boost::asio::generic::stream_protocol;

  /// `timeout` bounds each read and write, not the engine's work. `answers` outlives the session's
  /// operations.
  http_session(protocol::socket socket, std::chrono::milliseconds timeout, engine& answers);

  void start() { read(); }

private:
  class one_exchange;

  void read();
  void dispatch();
  void watch_client(const std::shared_ptr<one_exchange>& waiting);
  void write(const answer& what);
  void close();

  boost::beast::basic_stream<protocol> stream_;
  std::chrono::milliseconds timeout_;
  engine& answers_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  boost::beast::http::response<boost::beast::http::string_body> response_;
  std::string raw_;
};

} // namespace ckpt::apps::sink
