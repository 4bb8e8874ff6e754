// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finds the disk that a file lies on, and the kernel's read-ahead on it: loaders that read through the page
// cache are several times as fast with much read-ahead as with little. Stateless; any thread may call these.

#include <filesystem>
#include <optional>
#include <string>

namespace ckpt::apps::bench {

struct disk {
  std::string source;                     ///< as it is mounted: "/dev/nvme0n1p2", "server:/export"
  std::string file_system;                ///< "ext4"
  std::optional<unsigned> read_ahead_kib; ///< nothing where the kernel does not tell
};

/// Where the kernel describes disks. Other paths are for tests.
struct disk_records {
  std::filesystem::path sys = "/sys";
  std::filesystem::path mounts = "/proc/self/mountinfo";
};

/// The disk below `path`, links followed. Members are empty where nothing is known. Throws std::system_error
/// when `path` does not exist.
[[nodiscard]] disk find_disk(const std::filesystem::path& path, const disk_records& records = {});

/// "/dev/vda (ext4), read-ahead 128 KiB".
[[nodiscard]] std::string describe(const disk& found);

} // namespace ckpt::apps::bench
