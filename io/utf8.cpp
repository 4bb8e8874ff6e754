// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/utf8.hpp"

namespace ckpt::io {
namespace {

[[nodiscard]] bool is_continuation(unsigned char byte) { return (byte & 0xc0U) == 0x80U; }

} // namespace

std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t bytes = lead < 0x80   ? 1
                            : lead < 0xc2 ? 0
                            : lead < 0xe0 ? 2
                            : lead < 0xf0 ? 3
                            : lead < 0xf5 ? 4
                                          : 0;
  if (bytes > text.size())
    return 0;
  for (std::size_t i = 1; i < bytes; ++i)
    if (!is_continuation(static_cast<unsigned char>(text[i])))
      return 0;
  const auto second = bytes > 1 ? static_cast<unsigned char>(text[1]) : 0;
  const bool is_overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool is_no_character = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return is_overlong || is_no_character ? 0 : bytes;
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto bytes = character_bytes(text);
    result += bytes == 0 ? std::string_view{"?"} : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return result;
}

} // namespace ckpt::io
