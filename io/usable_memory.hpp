// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much memory this process may still take: what the machine has left, and what its control groups allow.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace ckpt::io {

/// Bytes; nothing where the kernel does not tell.
[[nodiscard]] std::optional<std::uint64_t> usable_memory();

/// Bytes that the control groups of version 2 leave to a process: `membership` is the text of
/// /proc/self/cgroup, `root` where the groups are mounted. Nothing where there is no limit.
[[nodiscard]] std::optional<std::uint64_t> memory_left_by_groups(std::string_view membership,
                                                                 const std::filesystem::path& root);

} // namespace ckpt::io
