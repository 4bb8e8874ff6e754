// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A range of bytes in a file or buffer, and the alignment arithmetic everybody shares. Pure; any thread.

#include <cstdint>

namespace ckpt::io {

/// Unit of windows, slabs and slots: the page size, and a multiple of every usual block size.
inline constexpr std::uint64_t page_bytes = 4096;

/// Bytes [offset, offset + length).
struct extent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  [[nodiscard]] constexpr std::uint64_t end() const { return offset + length; }
  friend constexpr bool operator==(const extent&, const extent&) = default;
};

/// `alignment` is a power of two.
[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  return value & ~(alignment - 1);
}

/// `alignment` is a power of two; the caller keeps `value` away from the top of the 64-bit range.
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return align_down(value + alignment - 1, alignment);
}

/// The smallest range of whole `alignment` blocks that contains `bytes`.
[[nodiscard]] constexpr extent align_out(extent bytes, std::uint64_t alignment) {
  const auto begin = align_down(bytes.offset, alignment);
  return {begin, align_up(bytes.end(), alignment) - begin};
}

} // namespace ckpt::io
