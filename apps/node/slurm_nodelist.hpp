// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Slurm's notation for lists of hosts: "n[1-3,007],gpu-a[0-1]b[2-3],login". Pure; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace ckpt::apps {

/// A longer list is refused.
inline constexpr std::size_t slurm_hosts_max = 65'536;

/// The hosts of `list` in its order, leading zeros kept: n1 n2 n3 n007 gpu-a0b2 gpu-a0b3 gpu-a1b2 …. Throws
/// std::invalid_argument that quotes a list that makes no sense.
[[nodiscard]] std::vector<std::string> expand_slurm_nodelist(std::string_view list);

} // namespace ckpt::apps
