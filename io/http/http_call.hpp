// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One HTTP exchange with an inference server or a resident node, over TCP, TLS or a Unix socket. The caller
// polls it, so it can be given up at any moment. One thread uses a call.

#include "io/http/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace ckpt::io {

/// Longer than any answer of an engine to an update.
inline constexpr std::uint64_t response_body_bytes_max = 4 << 20;

struct http_request {
  enum class verb : std::uint8_t { get, post, remove } method = verb::get;
  std::string target;                                         ///< path and query, such as "/ping"
  std::string body;                                           ///< JSON for POST
  std::uint64_t response_bytes_max = response_body_bytes_max; ///< a longer answer is an error of the call
};

struct http_response {
  unsigned status = 0;
  std::string body;
};

/// The failures of a call that have no errno of their own.
enum class http_errc {
  host_unknown = 1,  ///< the name does not resolve
  connect_timed_out, ///< the deadline came before a connection stood; equivalent to std::errc::timed_out
  answer_timed_out,  ///< the deadline came before the answer; equivalent to std::errc::timed_out
  closed_early,      ///< the server closed the connection before its answer was complete
  not_http,          ///< what came back is not HTTP
  answer_too_long,   ///< more than the request allows, or an absurd header
  not_tls,           ///< TLS was expected, and what came back is none
};
[[nodiscard]] const std::error_category& http_category() noexcept;
[[nodiscard]] std::error_code make_error_code(http_errc code) noexcept;

/// Of a server's certificate that is refused. The values are OpenSSL's X509_V_ERR_….
[[nodiscard]] const std::error_category& certificate_category() noexcept;

class http_call {
public:
  /// Starts connecting. `bearer_key` may be empty; one that does not fit into a header line is refused with
  /// std::invalid_argument (which does not quote it). An endpoint's authorities that cannot be used are
  /// refused with a std::system_error that names the file. The whole exchange ends within `timeout`, if need
  /// be with an error that equals std::errc::timed_out.
  http_call(const http_endpoint& endpoint, const http_request& request, std::string_view bearer_key,
            std::chrono::milliseconds timeout);
  http_call(const http_call&) = delete;
  http_call& operator=(const http_call&) = delete;

  /// Closes the connection at once when the exchange is still under way.
  ~http_call() noexcept;

  /// Works on the exchange for up to `timeout`. True when it is over.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout);

  /// Once over: why no answer came, or no error. Its message() is fit for users.
  [[nodiscard]] std::error_code error() const noexcept;

  /// Once over without an error.
  [[nodiscard]] const http_response& response() const noexcept;

private:
  struct exchange;
  std::unique_ptr<exchange> exchange_;
};

} // namespace ckpt::io

template <>
struct std::is_error_code_enum<ckpt::io::http_errc> : std::true_type {};
