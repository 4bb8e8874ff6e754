// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// memcpy from a mapped file that somebody may truncate meanwhile. The kernel then raises SIGBUS, which would
// end the process; here it only ends the copy. Any thread.

#include <cstddef>

namespace ckpt::gpu {

/// Installs the process's SIGBUS handler that guarded_copy needs. A SIGBUS outside a guarded copy still ends
/// the process. Calling it again does no harm.
void install_fault_guard();

/// Copies `length` bytes; false when part of the source is no longer there (the destination is then
/// undefined).
[[nodiscard]] bool guarded_copy(void* destination, const void* source, std::size_t length) noexcept;

} // namespace ckpt::gpu
