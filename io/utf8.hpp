// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks and repairs text from outside that has to be UTF-8 from here on. Pure; any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace ckpt::io {

/// Length of the UTF-8 character at the start of `text`, which is not empty; 0 when there is none. Overlong
/// forms and surrogates do not count as characters.
[[nodiscard]] std::size_t character_bytes(std::string_view text);

/// `text` with a "?" for each byte that belongs to no character.
[[nodiscard]] std::string valid_utf8(std::string_view text);

} // namespace ckpt::io
