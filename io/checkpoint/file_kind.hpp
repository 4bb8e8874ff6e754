// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Recognizes files that are no safetensors files but were taken for one, so that the error can tell the user
// what to do. Pure; any thread.

#include <cstddef>
#include <string_view>

namespace ckpt::io {

/// How many bytes of a file's beginning describe_kind() looks at.
inline constexpr std::size_t kind_bytes = 64;

/// `beginning` is the first `kind_bytes` of a file, or all of a shorter one. Returns what the file is and
/// what to do, as the end of a sentence. Empty when it may be a safetensors file, or is of an unknown kind.
[[nodiscard]] std::string_view describe_kind(std::string_view beginning);

} // namespace ckpt::io
