// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Abstract Unix sockets: their name is no file. The kernel gives a name to one process, and takes it back
// when that process ends, however it ends. Any process of the network namespace can connect, so check the
// credentials of the other side before believing it. Any thread.

#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>

namespace ckpt::io {

/// The socket address for a name. Throws std::system_error when the name is longer than the 107 bytes that
/// fit.
struct abstract_address {
  explicit abstract_address(std::string_view text);

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&name); }

  sockaddr_un name{};
  socklen_t length = 0;
};

/// Credentials of the process at the other end of a connection; user -1 when the kernel does not tell.
[[nodiscard]] ucred credentials_of(int socket) noexcept;

/// "process 12 of user 1000".
[[nodiscard]] std::string describe(const ucred& who);

/// Credentials of the process that listens at `address`, if there is one.
[[nodiscard]] std::optional<ucred> holder_of(const abstract_address& address) noexcept;

/// True for this process's own user and for root.
[[nodiscard]] bool is_trusted(uid_t user) noexcept;

} // namespace ckpt::io
