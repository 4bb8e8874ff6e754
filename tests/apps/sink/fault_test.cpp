// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/fault.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace ckpt::apps::sink {
namespace {

using testing::HasSubstr;

fault_plan parse(const std::vector<std::string>& values) { return parse_faults(values); }

std::string refusal(const std::string& value) {
  try {
    (void)parse({value});
    return {};
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(faults, are_absent_unless_asked_for) {
  const auto plan = parse({});
  EXPECT_FALSE(plan.status_before || plan.status_during || plan.status_after || plan.error_at || plan.die_at);
  EXPECT_FALSE(plan.never_answers());
  EXPECT_FALSE(plan.needs_tensor_count());
}

TEST(faults, can_be_combined) {
  const auto plan = parse({"http-status-during:500:3", "bucket-error:last", "slow-handle:0.25"});
  EXPECT_EQ(plan.status_during, 500U);
  EXPECT_EQ(plan.lists_before_trouble, 3U);
  ASSERT_TRUE(plan.error_at);
  EXPECT_EQ(plan.error_at->is, moment::at::last_list);
  EXPECT_EQ(plan.handle_delay, std::chrono::milliseconds{250});
}

TEST(faults, strike_at_the_moment_that_is_named) {
  EXPECT_EQ(parse({"die-at:handle"}).die_at->is, moment::at::handle);
  EXPECT_EQ(parse({"hang-at:connect"}).hang_at->is, moment::at::connect);
  EXPECT_EQ(parse({"die-at:none"}).die_at->is, moment::at::release);
  EXPECT_EQ(parse({"hang-at:post-hook"}).hang_at->is, moment::at::finish);
  EXPECT_EQ(parse({"worker-dies:7"}).close_at->index, 7U);
  EXPECT_EQ(parse({"bucket-error:first"}).error_at->index, 0U);
  EXPECT_TRUE(parse({"hang-at:middle"}).needs_tensor_count());
  EXPECT_FALSE(parse({"hang-at:2"}).needs_tensor_count());
}

TEST(faults, of_workers_can_be_given_to_one_of_them) {
  const auto plan = parse({"bucket-error:first", "hang-at:1", "post-hook-raises", "one-worker-only:1",
                           "early-200", "post-hook-swallowed", "slow-connect:2", "loses:a"});
  EXPECT_TRUE(plan.for_worker(1).error_at && plan.for_worker(1).hang_at && plan.for_worker(1).finish_raises);
  EXPECT_FALSE(plan.for_worker(0).error_at || plan.for_worker(0).hang_at || plan.for_worker(0).finish_raises);
  EXPECT_TRUE(plan.for_worker(1).hook_failure_swallowed);
  EXPECT_FALSE(plan.for_worker(0).hook_failure_swallowed);
  EXPECT_EQ(plan.for_worker(1).connect_delay, std::chrono::seconds{2});
  EXPECT_EQ(plan.for_worker(0).connect_delay, std::chrono::seconds{0});
  EXPECT_EQ(plan.for_worker(1).loses, "a");
  EXPECT_FALSE(plan.for_worker(0).loses);
  EXPECT_TRUE(plan.for_worker(0).answers_early);
}

TEST(faults, that_make_no_sense_are_refused_by_name) {
  for (const auto* value : {"",
                            "http",
                            "http-status",
                            "http-status:",
                            "http-status:abc",
                            "http-status:99",
                            "http-status:600",
                            "http-status:400x",
                            "http-status-during:500:",
                            "early-200:1",
                            "bucket-error",
                            "bucket-error:handle",
                            "bucket-error:-1",
                            "die-at:never",
                            "slow-handle:-1",
                            "slow-connect",
                            "post-hook-swallowed:1",
                            "bucket-error:connect",
                            "slow-handle:nan",
                            "one-worker-only:x",
                            "drop-connection:x"})
    EXPECT_THAT(refusal(value), HasSubstr("--fault " + std::string{value})) << value;
  EXPECT_THAT(refusal("nonsense"), HasSubstr("never-start-workers"));
}

TEST(faults, are_all_explained) {
  for (const auto* name :
       {"http-status:", "http-status-during:", "http-status-after:", "early-200", "never-start-workers",
        "handle-error", "bucket-error:", "post-hook-raises", "post-hook-swallowed",
        "slow-connect:", "die-at:", "worker-dies:", "hang-at:", "slow-handle:", "wrong-version",
        "garbage-http", "drop-connection", "one-worker-only:"})
    EXPECT_THAT(std::string{fault_help()}, HasSubstr(name));
}

} // namespace
} // namespace ckpt::apps::sink
