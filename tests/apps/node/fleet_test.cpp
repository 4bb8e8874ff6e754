// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The requests that other hosts pass on to host 0.

#include "apps/node/service/fleet.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

[[nodiscard]] std::string forwarded_wait(const std::string& asked) {
  const auto question = question_of({1, "GET", "/v1/updates/1", {{"wait", asked}}, {}});
  return question.query.find("wait")->second;
}

TEST(forwarded_call_test, waits_as_long_as_it_was_asked_to_but_not_too_long) {
  for (const auto* const seconds : {"0", "5", "10", "29.5", "30"})
    EXPECT_EQ(forwarded_wait(seconds), seconds);
  for (const auto* const seconds : {"31", "100", "3600", "9e2"})
    EXPECT_EQ(std::strtod(forwarded_wait(seconds).c_str(), nullptr), 30) << seconds;
  for (const auto* const text : {"", "abc", "40s", "nan"})
    EXPECT_EQ(forwarded_wait(text), text) << "for the route to refuse";
}

} // namespace
} // namespace ckpt::apps
