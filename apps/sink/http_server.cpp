// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/http_server.hpp"

#include "apps/sink/http_session.hpp"

#include <cstring>
#include <stdexcept>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::apps::sink {
namespace {

namespace asio = boost::asio;

/// Removes the socket file that a dead process has left at `path`.
void remove_stale_socket(asio::io_context& io, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return; // Nothing there, or something that bind() will complain about.
  if (!S_ISSOCK(status.st_mode))
    throw std::runtime_error{path + " exists and is not a socket"};
  asio::local::stream_protocol::socket probe{io};
  boost::system::error_code error;
  probe.connect(asio::local::stream_protocol::endpoint{path}, error);
  if (error != asio::error::connection_refused)
    throw std::runtime_error{path + (error ? ": " + error.message() : " belongs to a living process")};
  ::unlink(path.c_str());
}

} // namespace

http_server::http_server(asio::io_context& io, const sink_options& options, engine& answers)
    : io_{io}, options_{options}, answers_{answers}, acceptor_{io} {
  if (options_.unix_socket_path.empty())
    listen_on_port();
  else
    listen_on_unix_socket();
  accept();
}

http_server::~http_server() noexcept {
  if (!options_.unix_socket_path.empty())
    ::unlink(options_.unix_socket_path.c_str());
}

void http_server::listen_on(const protocol::endpoint& endpoint) {
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address{true});
  acceptor_.bind(endpoint);
  acceptor_.listen();
}

void http_server::listen_on_unix_socket() {
  remove_stale_socket(io_, options_.unix_socket_path);
  listen_on(asio::local::stream_protocol::endpoint{options_.unix_socket_path});
}

void http_server::listen_on_port() {
  asio::ip::tcp::resolver resolver{io_};
  const auto found =
      resolver.resolve(options_.host, std::to_string(options_.port), asio::ip::tcp::resolver::passive);
  listen_on(found.begin()->endpoint());
  asio::ip::tcp::endpoint bound;
  const auto local = acceptor_.local_endpoint();
  bound.resize(local.size());
  std::memcpy(bound.data(), local.data(), local.size());
  port_ = bound.port();
}

std::string http_server::address() const {
  if (!options_.unix_socket_path.empty())
    return "unix:" + options_.unix_socket_path;
  const bool is_v6 = options_.host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + options_.host + "]" : options_.host) + ":" + std::to_string(port_);
}

void http_server::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, protocol::socket socket) {
    if (error == asio::error::operation_aborted)
      return;
    if (!error)
      std::make_shared<http_session>(std::move(socket), options_.timeout, answers_)->start();
    accept();
  });
}

} // namespace ckpt::apps::sink
