// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/update_lock.hpp"

#include "io/error.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ckpt::io {

std::string engine_key(const http_endpoint& endpoint) {
  if (!endpoint.unix_socket_path.empty())
    return std::filesystem::weakly_canonical(endpoint.unix_socket_path).string();
  const bool loopback =
      endpoint.host == "localhost" || endpoint.host == "::1" || endpoint.host.starts_with("127.");
  return (loopback ? std::string{"loopback"} : endpoint.host) + ":" + endpoint.port + endpoint.base_path;
}

std::string uuid_of(std::string_view text) {
  const auto hash = XXH3_128bits(text.data(), text.size());
  char uuid[48];
  std::snprintf(uuid, sizeof uuid, "GPU-%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(hash.high64 >> 32), static_cast<unsigned>(hash.high64 >> 16 & 0xffff),
                static_cast<unsigned>(hash.high64 & 0xffff), static_cast<unsigned>(hash.low64 >> 48),
                static_cast<unsigned long long>(hash.low64 & 0xffff'ffff'ffffULL));
  return uuid;
}

update_lock::update_lock(const http_endpoint& endpoint)
    : socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
  if (!socket_)
    throw system_failure(errno, "socket for", endpoint.url);
  // The key is hashed because an abstract name has room for 107 bytes only.
  const auto key = engine_key(endpoint);
  const auto name = "ckpt-actor/update/" + std::to_string(XXH3_64bits(key.data(), key.size()));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket_.number(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw system_failure(errno, "lock", endpoint.url);
}

} // namespace ckpt::io
