// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The words for failed calls.

#include "io/http/http_call.hpp"

#include <openssl/x509.h>

namespace ckpt::io {
namespace {

class http_errors final : public std::error_category {
public:
  [[nodiscard]] const char* name() const noexcept override { return "http"; }

  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<http_errc>(code)) {
    case http_errc::host_unknown:
      return "the host name is not known";
    case http_errc::connect_timed_out:
      return "no connection within the time";
    case http_errc::answer_timed_out:
      return "connected, but no answer within the time";
    case http_errc::closed_early:
      return "the server closed the connection before its answer was complete";
    case http_errc::not_http:
      return "what the server sent is not HTTP";
    case http_errc::answer_too_long:
      return "the server's answer is too long";
    case http_errc::not_tls:
      return "the server does not speak TLS";
    }
    return "unknown HTTP error";
  }

  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    const auto error = static_cast<http_errc>(code);
    if (error == http_errc::connect_timed_out || error == http_errc::answer_timed_out)
      return std::errc::timed_out;
    return {code, *this};
  }
};

class certificate_errors final : public std::error_category {
public:
  [[nodiscard]] const char* name() const noexcept override { return "certificate"; }

  [[nodiscard]] std::string message(int code) const override {
    return std::string{"the server's certificate is refused: "} + ::X509_verify_cert_error_string(code);
  }
};

} // namespace

const std::error_category& http_category() noexcept {
  static const http_errors category;
  return category;
}

const std::error_category& certificate_category() noexcept {
  static const certificate_errors category;
  return category;
}

std::error_code make_error_code(http_errc code) noexcept { return {static_cast<int>(code), http_category()}; }

} // namespace ckpt::io
