// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/update_lock.hpp"

#include "io/engine/abstract_socket.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <boost/asio/ip/address.hpp>
#include <sys/socket.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ckpt::io {

namespace {

[[nodiscard]] std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// One text for all loopback addresses and the unspecified ones. Other addresses in their standard form.
/// Names as they are, because looking them up may take long.
[[nodiscard]] std::string place_of(const std::string& host) {
  boost::system::error_code no_number;
  auto address = boost::asio::ip::make_address(host, no_number);
  if (in_addr short_form{}; no_number && ::inet_aton(host.c_str(), &short_form) != 0) { // "127.1"
    no_number.clear();
    address = boost::asio::ip::make_address_v4(ntohl(short_form.s_addr));
  }
  if (no_number) {
    auto name = in_lower_case(host);
    if (name.ends_with('.'))
      name.pop_back();
    return name == "localhost" || name.ends_with(".localhost") ? "loopback" : name;
  }
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  return address.is_loopback() || address.is_unspecified() ? "loopback" : address.to_string();
}

} // namespace

namespace {

/// Connections of processes that ask who holds the lock.
constexpr int backlog = 64;

constexpr int looks_max = 20;
constexpr std::chrono::milliseconds look_pause{10};

} // namespace

std::string engine_key(const http_endpoint& endpoint) {
  if (!endpoint.unix_socket_path.empty())
    return std::filesystem::weakly_canonical(endpoint.unix_socket_path).string();
  return place_of(endpoint.host) + ":" + endpoint.port + endpoint.base_path;
}

std::string host_worker_uuid(std::string_view engine, std::size_t rank) {
  std::error_code none;
  const auto text = std::string{engine} + " " + std::to_string(rank) + " "
                    + std::filesystem::read_symlink("/proc/self/ns/net", none).string();
  const auto hash = XXH3_128bits(text.data(), text.size());
  char uuid[48];
  std::snprintf(uuid, sizeof uuid, "GPU-%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(hash.high64 >> 32), static_cast<unsigned>(hash.high64 >> 16 & 0xffff),
                static_cast<unsigned>(hash.high64 & 0xffff), static_cast<unsigned>(hash.low64 >> 48),
                static_cast<unsigned long long>(hash.low64 & 0xffff'ffff'ffffULL));
  return uuid;
}

update_lock::update_lock(const http_endpoint& endpoint)
    : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  if (!socket_)
    throw system_failure(errno, "socket for", endpoint.url);
  // The key is hashed because an abstract name has room for 107 bytes only.
  const auto key = engine_key(endpoint);
  name_ = "ckpt-actor/update/" + std::to_string(XXH3_64bits(key.data(), key.size()));
  const abstract_address where{name_};
  if (::bind(socket_.number(), where.get(), where.length) == 0 && ::listen(socket_.number(), backlog) == 0)
    return;
  if (const auto why = errno; why != EADDRINUSE)
    throw system_failure(why, "lock", endpoint.url);
  // Any process can take the name, so only a trusted holder counts. An update listens as soon as it has the
  // name. Two updates that miss each other here still meet at the workers' channels.
  auto holder = holder_of(where);
  for (int look = 0; !holder && look < looks_max; ++look) {
    std::this_thread::sleep_for(look_pause);
    holder = holder_of(where);
  }
  if (holder && is_trusted(holder->uid))
    throw system_failure(EADDRINUSE, "lock", endpoint.url + ", held by " + describe(*holder));
  socket_.reset();
  stranger_ = holder ? describe(*holder) : "a process that does not answer";
}

} // namespace ckpt::io
