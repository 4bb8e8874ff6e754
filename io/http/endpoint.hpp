// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where an inference server listens, as the user wrote it. Pure; any thread.

#include <string>
#include <string_view>

namespace ckpt::io {

/// Where a server listens.
struct http_endpoint {
  std::string url;  ///< as the user gave it, for messages; parse_endpoint refuses one that holds a password
  std::string host; ///< without brackets for IPv6
  std::string port; ///< decimal
  std::string base_path;        ///< prefix of every target, without a slash at its end; usually empty
  std::string unix_socket_path; ///< if set, connect there; host and port only fill the Host header
  bool is_tls = false;          ///< https; never set by parse_endpoint
  std::string tls_ca = {}; ///< then: PEM file of the authorities that are trusted; empty: those of the system
};

/// Parses `http://host[:port][/base]`. `unix_socket_path` may be empty. Throws std::invalid_argument that
/// says what is wrong with either (https is not supported, the path is too long, …).
[[nodiscard]] http_endpoint parse_endpoint(std::string_view url, std::string_view unix_socket_path);

/// The value of the Host header: `host:port`, with brackets around an IPv6 address.
[[nodiscard]] std::string host_header(const http_endpoint& endpoint);

} // namespace ckpt::io
