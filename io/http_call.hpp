// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One HTTP exchange with an inference server over TCP or a Unix socket, driven by whoever polls it, so that it can be
// given up at any moment. One thread uses a call.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace ckpt::io {

/// Where a server listens.
struct http_endpoint {
  std::string url;       ///< as the user gave it, for messages
  std::string host;      ///< without brackets for IPv6
  std::string port;      ///< decimal
  std::string base_path; ///< prefix of every target, without a slash at its end; usually empty
  std::string unix_socket_path; ///< when set, the connection goes there and host and port only fill the Host header
};

/// Parses `http://host[:port][/base]`. `unix_socket_path` may be empty. Throws std::invalid_argument that says what is
/// wrong with the URL (https is not spoken here, user:password is refused, …).
[[nodiscard]] http_endpoint parse_endpoint(std::string_view url, std::string_view unix_socket_path);

struct http_request {
  enum class verb : std::uint8_t { get, post } method = verb::get;
  std::string target; ///< path and query, such as "/ping"
  std::string body;   ///< JSON for POST
};

struct http_response {
  unsigned status = 0;
  std::string body; ///< at most response_body_bytes_max
};

/// A longer answer is an error of the call.
inline constexpr std::uint64_t response_body_bytes_max = 4 << 20;

class http_call {
public:
  /// Starts connecting. `bearer_key` may be empty. The whole exchange ends within `timeout`, if need be with
  /// std::errc::timed_out.
  http_call(const http_endpoint& endpoint, const http_request& request, std::string_view bearer_key,
            std::chrono::milliseconds timeout);
  http_call(const http_call&) = delete;
  http_call& operator=(const http_call&) = delete;

  /// Closes the connection at once when the exchange is still under way.
  ~http_call() noexcept;

  /// Works on the exchange for up to `timeout`. True when it is over.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout);

  /// Once over: what ended it before an answer came, or no error.
  [[nodiscard]] std::error_code error() const noexcept;

  /// Once over without an error.
  [[nodiscard]] const http_response& response() const noexcept;

private:
  struct exchange;
  std::unique_ptr<exchange> exchange_;
};

} // namespace ckpt::io
