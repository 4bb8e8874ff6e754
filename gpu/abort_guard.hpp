// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Survives a C library that calls abort() where it should report an error. UCX 1.13 as Debian builds it
// checks its own state with assertions, and some of them do not hold when a peer dies at a bad moment: about
// one killed peer in 300 would take this process with it. Any thread.

namespace ckpt::gpu {

/// Installs the process's SIGABRT handler that survives_abort needs. An abort elsewhere still ends the
/// process. Calling it again does no harm.
void install_abort_guard();

/// Calls action(argument). False when it called abort(): it never returned then, what it was about to do is
/// half done, and the library must not be called again. Between here and the abort() there may be no frame
/// with anything to destroy.
[[nodiscard]] bool survives_abort(void (*action)(void*), void* argument) noexcept;

} // namespace ckpt::gpu
