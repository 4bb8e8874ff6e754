// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What counts as a server's URL, and what a refusal tells.

#include "io/http/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace ckpt::io {
namespace {

std::string refusal_of(std::string_view url, std::string_view socket = {}) {
  try {
    static_cast<void>(parse_endpoint(url, socket));
  } catch (const std::invalid_argument& refusal) {
    return refusal.what();
  }
  return "accepted";
}

TEST(endpoint, takes_a_url_apart) {
  struct {
    const char *url, *host, *port, *base_path, *header;
  } const table[] = {
      {"http://localhost:19730", "localhost", "19730", "", "localhost:19730"},
      {"http://localhost:19730/", "localhost", "19730", "", "localhost:19730"},
      {"http://node-3.example", "node-3.example", "80", "", "node-3.example:80"},
      {"HTTP://10.0.0.1:1/v1//", "10.0.0.1", "1", "/v1", "10.0.0.1:1"},
      {"http://a_b:65535/x/y", "a_b", "65535", "/x/y", "a_b:65535"},
      {"http://[::1]:8000", "::1", "8000", "", "[::1]:8000"},
      {"http://[fe80::1%eth0]/b", "fe80::1%eth0", "80", "/b", "[fe80::1%eth0]:80"},
  };
  for (const auto& row : table) {
    const auto endpoint = parse_endpoint(row.url, "");
    EXPECT_EQ(endpoint.url, row.url);
    EXPECT_EQ(endpoint.host, row.host) << row.url;
    EXPECT_EQ(endpoint.port, row.port) << row.url;
    EXPECT_EQ(endpoint.base_path, row.base_path) << row.url;
    EXPECT_EQ(host_header(endpoint), row.header) << row.url;
  }
}

TEST(endpoint, says_what_is_wrong_with_a_url) {
  struct {
    const char *url, *why;
  } const table[] = {
      {"", "http://host:port"},
      {"localhost:19730", "http://host:port"},
      {"ftp://localhost", "http://host:port"},
      {"https://localhost", "https is not supported"},
      {"HTTPS://localhost", "https is not supported"},
      {"http://", "host name is missing"},
      {"http://:80", "host name is missing"},
      {"http:///x", "host name is missing"},
      {"http://a b", "malformed"},
      {"http://a\r\nX: y", "malformed"},
      {"http://host:", "from 1 to 65535"},
      {"http://host:0", "from 1 to 65535"},
      {"http://host:65536", "from 1 to 65535"},
      {"http://host:80a", "from 1 to 65535"},
      {"http://host:-1", "from 1 to 65535"},
      {"http://host:1:2", "from 1 to 65535"},
      {"http://[::1", "not closed"},
      {"http://[::1]80", "colon"},
      {"http://[]:80", "host name is missing"},
      {"http://[::1/]:80", "not closed"},
      {"http://[host!]", "not an IPv6"},
      {"http://host/a?b", "query"},
      {"http://host?b", "query"},
      {"http://host#b", "query"},
      {"http://host/a b", "percent-encoded"},
      {"http://host/\n", "percent-encoded"},
  };
  for (const auto& row : table)
    EXPECT_THAT(refusal_of(row.url), testing::HasSubstr(row.why)) << row.url;
}

TEST(endpoint, does_not_repeat_a_password) {
  const auto refusal = refusal_of("http://user:hunter2@host:80");
  EXPECT_THAT(refusal, testing::HasSubstr("--api-key-file"));
  EXPECT_THAT(refusal, testing::Not(testing::HasSubstr("hunter2")));
}

TEST(endpoint, refuses_a_unix_socket_path_that_the_kernel_cannot_hold) {
  EXPECT_EQ(parse_endpoint("http://localhost", std::string(107, 'x')).unix_socket_path.size(), 107U);
  EXPECT_THAT(refusal_of("http://localhost", std::string(108, 'x')), testing::HasSubstr("longer than 107"));
}

} // namespace
} // namespace ckpt::io
