// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Faulty memory: changes what another process has in its own.

#include <string_view>

#include <sys/types.h>

namespace ckpt::tests {

/// Flips one bit of each place in the private memory of `process` that holds `bytes`. Returns how many there were.
/// Throws std::system_error where it may not.
unsigned flip_a_bit(pid_t process, std::string_view bytes);

} // namespace ckpt::tests
