// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/abstract_socket.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <unistd.h>

namespace ckpt::io {

abstract_address::abstract_address(std::string_view text) {
  name.sun_family = AF_UNIX;
  if (text.size() > sizeof name.sun_path - 1)
    throw system_failure(ENAMETOOLONG, "name a socket", text);
  std::memcpy(name.sun_path + 1, text.data(), text.size());
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
}

ucred credentials_of(int socket) noexcept {
  ucred who{0, static_cast<uid_t>(-1), 0};
  socklen_t size = sizeof who;
  static_cast<void>(::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size));
  return who;
}

std::string describe(const ucred& who) {
  return "process " + std::to_string(who.pid) + " of user " + std::to_string(who.uid);
}

std::optional<ucred> holder_of(const abstract_address& address) noexcept {
  const fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!probe || ::connect(probe.number(), address.get(), address.length) != 0)
    return std::nullopt;
  return credentials_of(probe.number());
}

bool is_trusted(uid_t user) noexcept { return user == ::geteuid() || user == 0; }

} // namespace ckpt::io
