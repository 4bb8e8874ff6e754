// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/http/http_server.hpp"

#include "io/http/http_session.hpp"

#include <algorithm>
#include <cstring>
#include <map>
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

/// The address that a connection comes from, without the port; the same for all on a Unix socket.
[[nodiscard]] std::string address_of(const asio::generic::stream_protocol::socket& socket) {
  boost::system::error_code gone;
  const auto far = socket.remote_endpoint(gone);
  if (gone || (far.protocol().family() != AF_INET && far.protocol().family() != AF_INET6))
    return {};
  asio::ip::tcp::endpoint from;
  from.resize(far.size());
  std::memcpy(from.data(), far.data(), far.size());
  return from.address().to_string();
}

} // namespace

http_server::http_server(asio::io_context& context, http_listen_address where, http_server_options options,
                         http_handler handler)
    : context_{context}, where_{std::move(where)}, options_{std::move(options)}, handler_{std::move(handler)},
      acceptor_{context}, accept_again_{context} {
  if (where_.tls)
    tls_ = std::make_shared<asio::ssl::context>(make_tls_context(*where_.tls));
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
  return (tls_ ? "https://" : "http://") + (is_v6 ? "[" + where_.host + "]" : where_.host) + ":"
         + std::to_string(port_);
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
    auto from = address_of(socket);
    const auto session = std::make_shared<http_session>(std::move(socket), options_, handler_, tls_);
    guests_.push_back({session, std::move(from)});
    session->start();
  });
}

/// Makes room for one more connection. Whoever has few of them loses none to somebody who opens many.
void http_server::make_room() {
  std::erase_if(guests_, [](const guest& one) { return one.session.expired(); });
  if (guests_.size() < options_.connections_max)
    return;
  std::map<std::string, std::size_t> silent;
  for (const auto& one : guests_)
    if (one.session.lock()->silent_since())
      ++silent[one.from];
  auto leaving = guests_.begin(); // All wait for answers: the oldest has waited longest.
  auto since = http_session::clock::time_point::max();
  const auto most = std::ranges::max_element(silent, {}, [](const auto& each) { return each.second; });
  for (auto each = guests_.begin(); each != guests_.end(); ++each)
    if (const auto it_is = each->session.lock()->silent_since();
        it_is && silent[each->from] == most->second && *it_is < since) {
      leaving = each;
      since = *it_is;
    }
  leaving->session.lock()->close();
  guests_.erase(leaving);
}

} // namespace ckpt::io
