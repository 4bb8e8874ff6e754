// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How many cores this process may keep busy. A container or a batch job rarely has all cores of its host, and
// more threads than cores would only take turns. Any thread may call these; they hold no state.

#include <filesystem>
#include <optional>
#include <string_view>

namespace ckpt::io {

/// The cores that the calling thread may run on, limited by the CPU quota of its control groups. At least 1.
[[nodiscard]] unsigned usable_cores();

/// The CPU quota of a process in cores, rounded up: the lowest of its control group and of those above it.
/// Nothing where none has a quota. `membership` is the content of /proc/PID/cgroup; the groups, of version 1
/// or 2, are mounted at `root`. A container may see only some of them: missing groups are skipped.
[[nodiscard]] std::optional<unsigned> quota_cores(std::string_view membership,
                                                  const std::filesystem::path& root = "/sys/fs/cgroup");

} // namespace ckpt::io
