// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Expands Slurm's short form of a host list, such as `n[1-3,007],gpu-a[0-1]b[2-3],login`, in Slurm's order:
// the last bracket of a name counts fastest. A range is padded with zeros to the width of its first number,
// so [08-11] is 08, 09, 10, 11.
//
// Pure. The number of names is bounded: a few characters can stand for any number of them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::apps {

inline constexpr std::size_t nodelist_names_max = 65'536;

/// At least one name. Throws std::invalid_argument with a sentence that quotes the list.
[[nodiscard]] std::vector<std::string> expand_nodelist(std::string_view list);

} // namespace ckpt::apps
