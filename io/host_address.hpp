// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Questions about host addresses. Any thread; may wait for the resolver.

#include <cstdint>
#include <string>

namespace ckpt::io {

/// True when `address` (a name or a number) has only loopback addresses. False for unknown names.
[[nodiscard]] bool is_loopback(const std::string& address);

/// True for 0.0.0.0, :: and the like: a server can listen there, but it leads to no host.
[[nodiscard]] bool is_unspecified(const std::string& address);

/// This host's own address for connections to `host` (a name or a number). Sends nothing to `host`. Throws
/// std::runtime_error when there is no route, or the name is unknown.
[[nodiscard]] std::string address_towards(const std::string& host, std::uint16_t port);

} // namespace ckpt::io
