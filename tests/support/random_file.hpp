// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Files with random content for the tests of reading, and the states of the page cache that they need.

#include "io/checkpoint/checkpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace ckpt::tests {

/// Writes `bytes` random bytes to `path`, without flushing them, and returns them.
std::vector<std::byte> write_random_file(const std::filesystem::path& path, std::uint64_t bytes,
                                         std::uint64_t seed);

/// What open_checkpoint would say about `path` now.
[[nodiscard]] io::checkpoint_file describe(const std::filesystem::path& path);

/// Flushes the file and drops it from the page cache.
void make_cold(const std::filesystem::path& path);

/// Flushes the file and reads it into the page cache.
void make_warm(const std::filesystem::path& path);

/// How many pages of the file are in the page cache, asked of mincore.
[[nodiscard]] std::uint64_t cached_pages(const std::filesystem::path& path);

} // namespace ckpt::tests
