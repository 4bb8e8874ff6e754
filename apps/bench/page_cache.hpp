// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Brings files into or out of the page cache for a measurement, and checks whether that worked: the kernel
// takes such requests as hints.

#include <filesystem>
#include <vector>

namespace ckpt::apps::bench {

using file_list = std::vector<std::filesystem::path>;

/// Writes the files to disk and asks the kernel to drop their pages.
void drop(const file_list& files);

/// Writes the files to disk without dropping them.
void flush(const file_list& files);

/// Reads the files into the page cache.
void warm_up(const file_list& files);

/// The fraction of the files' pages that is in the page cache, 0 to 1.
[[nodiscard]] double cached_fraction(const file_list& files);

} // namespace ckpt::apps::bench
