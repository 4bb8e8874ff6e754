// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tells ThreadSanitizer what the kernel did to memory of a GPU through its file. So it finds two streams that
// use the same bytes with nothing in between that orders them.

#include <cstddef>

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_read_range(void* address, unsigned long bytes);
extern "C" void __tsan_write_range(void* address, unsigned long bytes);
#endif

namespace ckpt::stand_in {

inline void has_read([[maybe_unused]] void* address, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_THREAD__)
  __tsan_read_range(address, bytes);
#endif
}

inline void wrote([[maybe_unused]] void* address, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_THREAD__)
  __tsan_write_range(address, bytes);
#endif
}

} // namespace ckpt::stand_in
