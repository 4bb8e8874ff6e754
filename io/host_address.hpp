// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether an address of a host leads to this host only. Any thread.

#include <string>

namespace ckpt::io {

/// True when `address` (a name or a number) leads to this host alone, whoever asks. False for names that are
/// not known.
[[nodiscard]] bool is_loopback(const std::string& address);

} // namespace ckpt::io
