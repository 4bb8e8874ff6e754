// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a resident node listens, as --listen and --node have it. Pure.

#include <cstdint>
#include <optional>
#include <string>

namespace ckpt::apps {

struct node_address {
  std::string unix_socket_path; ///< if set, there and nowhere else
  std::string host;             ///< name or address, without brackets
  std::uint16_t port = 0;
  std::optional<bool> is_tls; ///< absent: the user has not said
};

/// Parses "unix:PATH" or "ADDRESS:PORT", which may begin with "http://" or "https://". Throws
/// std::invalid_argument that names `flag`.
[[nodiscard]] node_address parse_node_address(const std::string& flag, const std::string& text);

/// The default: a Unix socket below the user's runtime directory.
[[nodiscard]] std::string default_node_address();

} // namespace ckpt::apps
