// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The baseline for cached files: threads that read pieces of them with pread, each into a buffer of its own.

#include "apps/bench/page_cache.hpp"
#include "apps/bench/statistics.hpp"

namespace ckpt::apps::bench {

/// Reads all files once. Throws std::system_error.
[[nodiscard]] measurement read_with_pread(const file_list& files, unsigned threads = 2,
                                          std::uint64_t piece_bytes = 4 << 20);

} // namespace ckpt::apps::bench
