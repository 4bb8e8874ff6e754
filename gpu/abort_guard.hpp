// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Survives a C library that calls abort() where it should report an error. Debian's UCX 1.13 checks its own
// state with assertions, and some fail when a peer dies at a bad moment: about one killed peer in 300 would
// take this process with it. Any thread.

namespace ckpt::gpu {

/// Installs the process's SIGABRT handler that survives_abort needs. An abort elsewhere still ends the
/// process. Calling it again does no harm.
void install_abort_guard();

/// Calls action(argument). False when it called abort(). It then never returned, its work is half done, and
/// the library must not be called again. Hazard: no destructor runs, so between here and the abort() no frame
/// may hold anything to destroy.
[[nodiscard]] bool survives_abort(void (*action)(void*), void* argument) noexcept;

} // namespace ckpt::gpu
