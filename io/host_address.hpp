// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether an address leads to this host only. Any thread; may wait for the resolver.

#include <string>

namespace ckpt::io {

/// True when `address` (a name or a number) is a loopback address. False for unknown names.
[[nodiscard]] bool is_loopback(const std::string& address);

} // namespace ckpt::io
