// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Other programs that read the same files: fio for the limit of the disk, Python for the usual cost of
// loading.

#include "apps/bench/page_cache.hpp"
#include "apps/bench/statistics.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace ckpt::apps::bench {

struct fio_job {
  std::uint64_t block_bytes = 0;
  unsigned depth = 0;
  bool huge_pages = false; ///< as our buffers; virtual disks read much faster into them
};

/// "fio 4 MiB x 32, huge pages".
[[nodiscard]] std::string name(const fio_job& job);

/// The command that reads `files` once through io_uring and O_DIRECT.
[[nodiscard]] std::vector<std::string> fio_command(const std::string& program, const fio_job& job,
                                                   const file_list& files);

/// Parses fio's JSON report of one job. fio may print lines before it. Throws std::runtime_error when it
/// cannot be parsed.
[[nodiscard]] measurement parse_fio(std::string_view output);

[[nodiscard]] measurement read_with_fio(const std::string& program, const fio_job& job,
                                        const file_list& files);

/// python_read.py and its interpreter. Functions that use it throw std::runtime_error when it fails, or when
/// its output cannot be parsed.
struct python_loaders {
  std::string python;
  std::filesystem::path script;
};

/// The versions of "python" and of the packages that are installed, by name.
using package_versions = std::map<std::string, std::string>;

[[nodiscard]] package_versions versions(const python_loaders& loaders);

/// Reads every tensor with the loader of this package.
[[nodiscard]] measurement read_with_python(const python_loaders& loaders, const std::string& package,
                                           const file_list& files);

/// Parses the script's output about a read.
[[nodiscard]] measurement parse_python(std::string_view output);

/// Parses its output about versions.
[[nodiscard]] package_versions parse_versions(std::string_view output);

} // namespace ckpt::apps::bench
