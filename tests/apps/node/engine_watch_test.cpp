// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How a resident node sees whether its engines live.

#include "apps/node/service/engine_watch.hpp"

#include "tests/support/scripted_server.hpp"

#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

void answer_well(tests::connection& client) {
  static_cast<void>(client.read_request());
  client.answer(200, "{}");
}

TEST(ask_for_life, takes_an_engine_for_alive_whose_neighbour_hangs) {
  const tests::scripted_server hung{[](tests::connection& client) { client.await_close(); }};
  const tests::scripted_server alive{answer_well};
  const auto errors =
      ask_for_life({io::parse_endpoint(hung.url(), {}), io::parse_endpoint(alive.url(), {})}, {});
  EXPECT_EQ(errors.at(0), std::errc::timed_out);
  EXPECT_FALSE(errors.at(1)) << errors.at(1).message();
}

} // namespace
} // namespace ckpt::apps
