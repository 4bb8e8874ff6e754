// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/http/http_server.hpp"

#include "io/http/http_session.hpp"

#include <cstring>
#include <optional>
#include <stdexcept>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// Pause after accept() has failed, usually for a lack of descriptors.
constexpr auto accept_pause = 100ms;

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

/// Files that are made while this lives are for their owner alone.
class private_files {
public:
  private_files() = default;
  private_files(const private_files&) = delete;
  private_files& operator=(const private_files&) = delete;
  ~private_files() noexcept { ::umask(before_); }

private:
  mode_t before_ = ::umask(0177);
};

} // namespace

http_server::http_server(asio::io_context& context, http_listen_address where, http_server_options options,
                         http_handler handler)
    : context_{context}, where_{std::move(where)}, options_{std::move(options)}, handler_{std::move(handler)},
      acceptor_{context}, accept_again_{context} {
  if (where_.unix_socket_path.empty())
    listen_on_port();
  else
    listen_on_unix_socket();
  accept();
}

http_server::~http_server() noexcept {
  if (!where_.unix_socket_path.empty())
    ::unlink(where_.unix_socket_path.c_str());
}

void http_server::listen_on(const protocol::endpoint& endpoint) {
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address{true});
  acceptor_.bind(endpoint);
  acceptor_.listen();
}

void http_server::listen_on_unix_socket() {
  remove_stale_socket(context_, where_.unix_socket_path);
  std::optional<private_files> guard;
  if (options_.is_private)
    guard.emplace();
  listen_on(asio::local::stream_protocol::endpoint{where_.unix_socket_path});
}

void http_server::listen_on_port() {
  asio::ip::tcp::resolver resolver{context_};
  const auto found =
      resolver.resolve(where_.host, std::to_string(where_.port), asio::ip::tcp::resolver::passive);
  listen_on(found.begin()->endpoint());
  asio::ip::tcp::endpoint bound;
  const auto local = acceptor_.local_endpoint();
  bound.resize(local.size());
  std::memcpy(bound.data(), local.data(), local.size());
  port_ = bound.port();
}

std::string http_server::address() const {
  if (!where_.unix_socket_path.empty())
    return "unix:" + where_.unix_socket_path;
  const bool is_v6 = where_.host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + where_.host + "]" : where_.host) + ":" + std::to_string(port_);
}

void http_server::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, protocol::socket socket) {
    if (error == asio::error::operation_aborted)
      return;
    if (error) {
      accept_again_.expires_after(accept_pause);
      accept_again_.async_wait([this](const boost::system::error_code& ended) {
        if (!ended)
          accept();
      });
      return;
    }
    accept(); // First: what follows may throw for lack of memory, and others are to be served then.
    make_room();
    const auto session = std::make_shared<http_session>(std::move(socket), options_, handler_);
    sessions_.push_back(session);
    session->start();
  });
}

/// Makes room for one more connection.
void http_server::make_room() {
  std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
  if (sessions_.size() < options_.connections_max)
    return;
  auto longest = sessions_.end();
  auto since = http_session::clock::time_point::max();
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each)
    if (const auto silent = each->lock()->silent_since(); silent && *silent < since) {
      longest = each;
      since = *silent;
    }
  if (longest == sessions_.end())
    longest = sessions_.begin(); // All wait for answers: the oldest has waited longest.
  longest->lock()->close();
  sessions_.erase(longest);
}

} // namespace ckpt::io
