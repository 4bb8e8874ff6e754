// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Plain blocking sockets: shutdown() from the destructor ends whatever call the script is in.

#include "tests/support/scripted_server.hpp"

#include "io/error.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace ckpt::tests {

namespace {

io::fd listen_on(const sockaddr* address, socklen_t bytes) {
  io::fd socket{::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket || ::bind(socket.number(), address, bytes) != 0 || ::listen(socket.number(), 8) != 0)
    throw io::system_failure(errno, "listen", "test server");
  return socket;
}

} // namespace

std::string connection::read_request() {
  std::string request;
  std::size_t wanted = std::string::npos;
  while (request.size() < wanted) {
    char block[4096];
    const auto count = ::recv(socket_, block, sizeof(block), 0);
    if (count <= 0)
      return request;
    request.append(block, static_cast<std::size_t>(count));
    const auto end = request.find("\r\n\r\n");
    if (wanted == std::string::npos && end != std::string::npos) {
      const auto length = request.find("Content-Length: ");
      wanted = end + 4 + (length < end ? std::stoul(request.substr(length + 16)) : 0);
    }
  }
  return request;
}

void connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0)
      return; // the client has had enough
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void connection::answer(unsigned status, std::string_view body) {
  write("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size())
        + "\r\n\r\n" + std::string{body});
}

void connection::await_close() {
  char block[4096];
  while (::recv(socket_, block, sizeof(block), 0) > 0)
    ;
}

void connection::reset_on_close() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

scripted_server::scripted_server(script each, family on) : script_{std::move(each)} {
  sockaddr_in6 address{};
  socklen_t bytes = sizeof(address);
  if (on == family::ipv6) {
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
  } else {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(address);
    ipv4.sin_family = AF_INET;
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bytes = sizeof(ipv4);
  }
  listener_ = listen_on(reinterpret_cast<const sockaddr*>(&address), bytes);
  ::getsockname(listener_.number(), reinterpret_cast<sockaddr*>(&address), &bytes);
  port_ = ntohs(address.sin6_port); // at the same place for IPv4
  thread_ = std::thread{[this] { serve(); }};
}

scripted_server::scripted_server(std::string path, script each)
    : script_{std::move(each)}, path_{std::move(path)} {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path))
    throw std::invalid_argument{"test server: path too long"};
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  listener_ = listen_on(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  thread_ = std::thread{[this] { serve(); }};
}

scripted_server::~scripted_server() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    ::shutdown(listener_.number(), SHUT_RDWR);
    if (open_ >= 0)
      ::shutdown(open_, SHUT_RDWR);
  }
  thread_.join();
  if (!path_.empty())
    ::unlink(path_.c_str());
}

void scripted_server::serve() {
  for (;;) {
    io::fd accepted{::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC)};
    {
      const std::lock_guard lock{mutex_};
      if (stopping_ || !accepted)
        return;
      open_ = accepted.number();
    }
    connection client{accepted.number()};
    script_(client);
    const std::lock_guard lock{mutex_};
    open_ = -1;
    accepted.reset();
  }
}

} // namespace ckpt::tests
