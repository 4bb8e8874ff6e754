// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Percent-encoding of any text in a URL's path (RFC 3986). Pure; any thread.

#include <optional>
#include <string>
#include <string_view>

namespace ckpt::io {

[[nodiscard]] std::string percent_encode(std::string_view text);

/// Nothing where a percent sign is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

} // namespace ckpt::io
