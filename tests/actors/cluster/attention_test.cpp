// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/attention.hpp"

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;

constexpr auto interval = 500ms;
const attention::clock::time_point start{1h};

TEST(attention, forgives_nothing_to_the_silent_while_it_is_awake) {
  attention looks;
  for (auto now = start; now < start + 10s; now += interval + 50ms) { // Ticks are never quite in time.
    looks.look(now, interval);
    EXPECT_EQ(looks.forgiving(start), start);
  }
}

TEST(attention, forgives_what_it_has_slept_through_itself) {
  attention looks;
  looks.look(start, interval);
  looks.look(start + 7s, interval);
  EXPECT_EQ(looks.forgiving(start - 200ms), start - 200ms + 7s - interval);
  looks.look(start + 7s + interval, interval);
  EXPECT_EQ(looks.forgiving(start), start) << "once";
}

TEST(attention, does_not_hear_in_the_future) {
  attention looks;
  looks.look(start, interval);
  looks.look(start + 1h, interval);
  EXPECT_EQ(looks.forgiving(start + 1h - 1ms), start + 1h) << "its message was there before this look";
  EXPECT_EQ(looks.forgiving(start + 1h + 1ms), start + 1h + 1ms);
}

} // namespace
} // namespace ckpt::actors
