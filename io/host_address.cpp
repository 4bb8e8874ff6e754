// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/host_address.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ckpt::io {
namespace {

using address_list = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Empty for names that are not known.
[[nodiscard]] address_list look_up(const std::string& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.c_str(), nullptr, &hints, &found);
  return {error == 0 ? found : nullptr, &::freeaddrinfo};
}

[[nodiscard]] bool is_loopback(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == 127;
  return address.sa_family == AF_INET6
         && IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

} // namespace

bool is_loopback(const std::string& address) {
  const auto list = look_up(address);
  if (list == nullptr)
    return false;
  for (const auto* target = list.get(); target != nullptr; target = target->ai_next)
    if (!is_loopback(*target->ai_addr))
      return false;
  return true;
}

bool is_unspecified(const std::string& address) {
  in_addr number{};
  in6_addr long_number{};
  return (::inet_pton(AF_INET, address.c_str(), &number) == 1 && number.s_addr == INADDR_ANY)
         || (::inet_pton(AF_INET6, address.c_str(), &long_number) == 1
             && IN6_IS_ADDR_UNSPECIFIED(&long_number));
}

std::string address_towards(const std::string& host, std::uint16_t port) {
  const auto list = look_up(host);
  if (list == nullptr)
    throw std::runtime_error{host + ": unknown host name"};
  const fd socket{::socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_storage target{}, own{};
  std::memcpy(&target, list->ai_addr, list->ai_addrlen);
  auto& port_of = list->ai_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(target).sin6_port
                                              : reinterpret_cast<sockaddr_in&>(target).sin_port;
  port_of = htons(port);
  socklen_t length = sizeof own;
  std::array<char, 64> text{};
  if (!socket || ::connect(socket.number(), reinterpret_cast<const sockaddr*>(&target), list->ai_addrlen) != 0
      || ::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&own), &length) != 0
      || ::getnameinfo(reinterpret_cast<const sockaddr*>(&own), length, text.data(), text.size(), nullptr, 0,
                       NI_NUMERICHOST)
             != 0)
    throw system_failure(errno, "find the own address on the way to", host);
  return text.data();
}

} // namespace ckpt::io
