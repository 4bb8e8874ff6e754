// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an address of a host leads to: this host only, and somebody who listens or nobody. Any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ckpt::io {

/// Connects to `address`:`port` over TCP and hangs up at once. Nothing when that worked, else why it did not:
/// "Connection refused", "Name or service not known". Looking up the name may take as long as the system's
/// resolver likes.
[[nodiscard]] std::optional<std::string> knock(const std::string& address, std::uint16_t port,
                                               std::chrono::milliseconds timeout);

/// True when `address` (a name or a number) leads to this host alone, whoever asks. False for names that are
/// not known.
[[nodiscard]] bool is_loopback(const std::string& address);

} // namespace ckpt::io
