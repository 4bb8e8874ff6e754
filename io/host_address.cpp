// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/host_address.hpp"

#include <memory>

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

} // namespace ckpt::io
