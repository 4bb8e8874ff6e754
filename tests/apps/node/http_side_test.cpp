// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The HTTP side of a resident node.

#include "apps/node/service/http_side.hpp"

#include "io/http/endpoint.hpp"
#include "io/http/http_call.hpp"
#include "tests/support/temporary_directory.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;

/// Far above every deadline in play.
constexpr auto patience = 60s;

TEST(http_side_test, outlives_what_a_handler_throws) {
  const tests::temporary_directory directory;
  const auto socket = (directory.path() / "node.sock").string();
  boost::asio::io_context context{1};
  http_side_options options;
  options.where = {{{}, 0, socket}};
  options.last_words = [] { throw std::runtime_error{"nobody listens"}; };
  http_side side{context, options};
  boost::asio::post(context, [] { throw std::runtime_error{"no memory, say"}; });
  io::http_call call{io::parse_endpoint("http://localhost", socket),
                     {io::http_request::verb::get, "/healthz", {}},
                     {},
                     patience};
  while (!call.wait(patience)) {
  }
  EXPECT_FALSE(call.error()) << call.error().message();
  EXPECT_EQ(call.response().status, 200u);
}

} // namespace
} // namespace ckpt::apps
