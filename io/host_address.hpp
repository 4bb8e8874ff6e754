// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether an address leads to this host only. Any thread; may wait for the resolver.

#include <cstdint>
#include <string>

namespace ckpt::io {

/// True when `address` (a name or a number) is a loopback address. False for unknown names.
[[nodiscard]] bool is_loopback(const std::string& address);

/// True for 0.0.0.0, :: and the like: good for listening, and no way to a host.
[[nodiscard]] bool is_unspecified(const std::string& address);

/// The address of this host on the way to `host` (a name or a number). Sends nothing. Throws std::runtime_error when
/// there is no way, or the name is unknown.
[[nodiscard]] std::string address_towards(const std::string& host, std::uint16_t port);

} // namespace ckpt::io
