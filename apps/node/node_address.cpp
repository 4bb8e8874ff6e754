// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/node_address.hpp"

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <sys/un.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view plain_prefix = "http://";
constexpr std::string_view tls_prefix = "https://";

} // namespace

std::string default_node_address() {
  const auto* runtime = std::getenv("XDG_RUNTIME_DIR");
  const auto directory = runtime != nullptr && *runtime != '\0' ? std::string{runtime}
                                                                : "/run/user/" + std::to_string(::getuid());
  return std::string{unix_prefix} + directory + "/ckpt-actor.sock";
}

node_address parse_node_address(const std::string& flag, const std::string& text) {
  node_address address;
  if (text.starts_with(unix_prefix)) {
    address.unix_socket_path = text.substr(unix_prefix.size());
    if (address.unix_socket_path.empty() || address.unix_socket_path.size() >= sizeof sockaddr_un{}.sun_path)
      throw std::invalid_argument{flag + " " + text + ": a path of 1 to 107 bytes is needed"};
    return address;
  }
  std::string_view rest = text;
  if (rest.starts_with(plain_prefix) || rest.starts_with(tls_prefix)) {
    address.is_tls = rest.starts_with(tls_prefix);
    rest.remove_prefix(*address.is_tls ? tls_prefix.size() : plain_prefix.size());
    rest.remove_suffix(rest.ends_with('/') ? 1 : 0);
  }
  const std::invalid_argument neither{flag + " " + text + ": neither unix:PATH nor ADDRESS:PORT"};
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos)
    throw neither;
  address.host = rest.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  const auto port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || address.host.empty())
    throw neither;
  return address;
}

} // namespace ckpt::apps
