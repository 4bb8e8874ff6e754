// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The first bytes on a connection between hosts, inside TLS where there is TLS: the caller greets, the gate
// greets back, and from then on the connection is CAF's. All lines are equally long, so neither side reads a
// byte too many. Pure; any thread.
//
//   caller                                        gate
//     │ ckpt-actor-node greets, 1 ──────────────> │
//     │ <────────────── ckpt-actor-node greets, 1 │
//     │ <════════════════ CAF ══════════════════> │

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ckpt::actors {

/// The digit changes when the steps before CAF's first byte do; messages have protocol_version.
inline constexpr std::string_view greeting_line = "ckpt-actor-node greets, 1\n";

/// The gate's answer in the clear to a caller that does not speak TLS but should.
inline constexpr std::string_view wants_tls_line = "ckpt-actor-node wants TLS\n";

inline constexpr std::size_t line_bytes = greeting_line.size();
static_assert(wants_tls_line.size() == line_bytes);

/// The first byte of a TLS handshake; no line of ours begins with it.
inline constexpr char tls_first_byte = 0x16;

enum class said : std::uint8_t {
  greeting,      ///< ours
  other_version, ///< a greeting of another version of this program
  wants_tls,
  something_else,
};

namespace detail {
inline constexpr std::size_t version_at = line_bytes - 2;
} // namespace detail

/// False once `heard` cannot become one of our lines any more.
[[nodiscard]] constexpr bool may_become_line(std::string_view heard) noexcept {
  const auto common = std::min(heard.size(), detail::version_at);
  const auto begin = heard.substr(0, common);
  return greeting_line.starts_with(begin) || wants_tls_line.starts_with(begin);
}

[[nodiscard]] constexpr said understand(std::string_view heard) noexcept {
  if (heard == greeting_line)
    return said::greeting;
  if (heard == wants_tls_line)
    return said::wants_tls;
  if (heard.size() == line_bytes && heard.back() == '\n'
      && heard.starts_with(greeting_line.substr(0, detail::version_at)))
    return said::other_version;
  return said::something_else;
}

} // namespace ckpt::actors
