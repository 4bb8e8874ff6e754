// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/host_address.hpp"

#include "io/fd.hpp"

#include <cerrno>
#include <memory>
#include <system_error>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace ckpt::io {
namespace {

[[nodiscard]] std::string describe(int error_number) { return std::generic_category().message(error_number); }

using address_list = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Gives getaddrinfo's error, 0 for none.
[[nodiscard]] int look_up(const std::string& address, const std::string& port, address_list& list) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.c_str(), port.empty() ? nullptr : port.c_str(), &hints, &found);
  list.reset(error == 0 ? found : nullptr);
  return error;
}

[[nodiscard]] bool is_loopback(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == 127;
  return address.sa_family == AF_INET6
         && IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

[[nodiscard]] std::optional<std::string> connect_to(const addrinfo& target,
                                                    std::chrono::milliseconds timeout) {
  const fd socket{
      ::socket(target.ai_family, target.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, target.ai_protocol)};
  if (!socket)
    return describe(errno);
  if (::connect(socket.number(), target.ai_addr, target.ai_addrlen) == 0)
    return std::nullopt;
  if (errno != EINPROGRESS)
    return describe(errno);
  pollfd waiting{socket.number(), POLLOUT, 0};
  if (::poll(&waiting, 1, static_cast<int>(timeout.count())) != 1)
    return describe(ETIMEDOUT);
  int error_number = 0;
  socklen_t length = sizeof error_number;
  ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error_number, &length);
  return error_number == 0 ? std::nullopt : std::optional{describe(error_number)};
}

} // namespace

std::optional<std::string> knock(const std::string& address, std::uint16_t port,
                                 std::chrono::milliseconds timeout) {
  address_list list{nullptr, &::freeaddrinfo};
  if (const int error = look_up(address, std::to_string(port), list); error != 0)
    return std::string{::gai_strerror(error)};
  std::optional<std::string> why;
  for (const auto* target = list.get(); target != nullptr; target = target->ai_next)
    if (why = connect_to(*target, timeout); !why)
      return std::nullopt;
  return why;
}

bool is_loopback(const std::string& address) {
  address_list list{nullptr, &::freeaddrinfo};
  if (look_up(address, "", list) != 0)
    return false;
  for (const auto* target = list.get(); target != nullptr; target = target->ai_next)
    if (!is_loopback(*target->ai_addr))
      return false;
  return true;
}

} // namespace ckpt::io
