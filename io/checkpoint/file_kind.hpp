// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a file is that was taken for a safetensors file and is none: said in the error, so that the user knows
// what to do about it. Pure; any thread.

#include <cstddef>
#include <string_view>

namespace ckpt::io {

/// How much of a file's beginning describe_kind has a use for.
inline constexpr std::size_t kind_bytes = 64;

/// From the first `kind_bytes` of a file, or all of a shorter one: what it is and what to do, as the end of a
/// sentence about it. Empty for what may well be a safetensors file, and for what is not known.
[[nodiscard]] std::string_view describe_kind(std::string_view beginning);

} // namespace ckpt::io
