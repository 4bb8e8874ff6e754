// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How a resident node sees whether its engines live.

#include "apps/node/service/engine_watch.hpp"

#include "tests/support/program.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/temporary_directory.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;

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

TEST(engine_watch, goes_on_once_there_are_descriptors_again) {
  const tests::temporary_directory directory;
  const auto socket = (directory.path() / "engine.sock").string();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::atomic<int> came_back = 0;
  const engine_watch watch{{io::parse_endpoint("http://localhost", socket)}, {}, [&](std::uint32_t) {
                             ++came_back;
                             return true;
                           }};
  std::this_thread::sleep_for(1500ms); // It looks at once, in vain, and has to survive that.
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  std::atomic<int> asked = 0;
  std::atomic<bool> is_up = false;
  const tests::scripted_server engine{socket, [&](tests::connection& client) {
                                        if (is_up)
                                          answer_well(client);
                                        ++asked; // One that is not up closes the connection.
                                      }};
  // With the second look the first is over, which found it away.
  ASSERT_TRUE(tests::eventually([&] { return asked >= 2; }, 60s));
  EXPECT_EQ(came_back, 0);
  is_up = true;
  EXPECT_TRUE(tests::eventually([&] { return came_back == 1; }, 60s));
}

} // namespace
} // namespace ckpt::apps
