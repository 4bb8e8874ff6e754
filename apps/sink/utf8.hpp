// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). Pure; any thread.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ckpt::apps::sink {

[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint32_t>(text[index] & 0xff); };
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = byte(at);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || at + length > text.size())
      return false;
    std::uint32_t point = lead & (0xffU >> (length + 1));
    for (std::size_t index = at + 1; index < at + length; ++index) {
      if ((byte(index) & 0xc0) != 0x80)
        return false;
      point = point << 6 | (byte(index) & 0x3f);
    }
    constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
      return false;
    at += length;
  }
  return true;
}

} // namespace ckpt::apps::sink
