// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Takes a server's URL apart. Strict on purpose: a URL that is understood only in part would send weights to
// a server that the user did not mean.

#include "io/http/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <sys/un.h>

namespace ckpt::io {

namespace {

constexpr std::string_view scheme = "http://";

/// Quotes `url`, which therefore must not hold a password.
[[noreturn]] void refuse(std::string_view url, std::string_view why) {
  throw std::invalid_argument{"endpoint \"" + std::string{url} + "\": " + std::string{why}};
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size()
         && std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char expected, char c) {
              return expected == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
            });
}

void check_host(std::string_view url, std::string_view host, bool in_brackets) {
  if (host.empty())
    refuse(url, "the host name is missing");
  for (const char c : host)
    if (!is_alphanumeric(c) && c != '.' && c != '-' && c != '_' && !(in_brackets && (c == ':' || c == '%')))
      refuse(url,
             in_brackets ? "what stands in brackets is not an IPv6 address" : "the host name is malformed");
}

/// The port without leading zeros.
[[nodiscard]] std::string check_port(std::string_view url, std::string_view port) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535)
    refuse(url, "the port has to be a number from 1 to 65535");
  return std::to_string(number);
}

void check_unix_socket(std::string_view path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    throw std::invalid_argument{"Unix socket \"" + std::string{path} + "\": the path is longer than "
                                + std::to_string(sizeof(sockaddr_un::sun_path) - 1)
                                + " bytes; use a shorter one or a symbolic link to its directory"};
}

} // namespace

http_endpoint parse_endpoint(std::string_view url, std::string_view unix_socket_path) {
  if (url.find('@') != std::string_view::npos)
    throw std::invalid_argument{
        "endpoint: a user name or password in the URL is not supported; put the server's "
        "key into a file and pass --api-key-file"};
  if (starts_with_ignoring_case(url, "https://"))
    refuse(url, "https is not supported; use the server's http port, or a tunnel that ends on this host");
  if (!starts_with_ignoring_case(url, scheme))
    refuse(url, "it has to look like http://host:port");
  check_unix_socket(unix_socket_path);

  const auto rest = url.substr(scheme.size());
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  auto path = rest.substr(authority.size());
  if (path.find_first_of("?#") != std::string_view::npos)
    refuse(url, "a query or fragment is not supported");
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; }))
    refuse(url, "its path holds a character that has to be percent-encoded");
  while (path.ends_with('/'))
    path.remove_suffix(1);

  const bool in_brackets = authority.starts_with('[');
  const auto host_end = in_brackets ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos)
    refuse(url, "the bracket of the IPv6 address is not closed");
  const auto host = authority.substr(in_brackets, host_end - in_brackets);
  check_host(url, host, in_brackets);

  auto port = authority.substr(host_end + in_brackets);
  if (!port.empty() && !port.starts_with(':'))
    refuse(url, "a colon has to stand between host and port");
  port = port.empty() ? std::string_view{"80"} : port.substr(1);
  return {std::string{url}, std::string{host}, check_port(url, port), std::string{path},
          std::string{unix_socket_path}};
}

std::string host_header(const http_endpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + endpoint.port;
}

} // namespace ckpt::io
