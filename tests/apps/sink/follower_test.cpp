// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// An engine whose workers sit on two hosts: a sink that leads, and one that follows.

#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"
#include "tests/support/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::hand_pusher;
using tests::push_all;
using tests::running_sink;

class follower_test : public testing::Test {
protected:
  [[nodiscard]] sink_options follower(const std::vector<std::string>& faults = {}) const {
    sink_options options;
    options.verify_path = source_.path();
    options.report_path = source_.directory().path() / "report.json";
    options.faults = parse_faults(faults);
    return options;
  }

  [[nodiscard]] sink_options leader_of(const io::http_endpoint& endpoint) const {
    sink_options options;
    options.verify_path = source_.path();
    options.followers = {endpoint};
    return options;
  }

  tests::sample_checkpoint source_;
};

TEST_F(follower_test, takes_the_devices_that_the_first_host_has_no_workers_for) {
  const running_sink second{follower()};
  const running_sink first{leader_of(second.endpoint())};
  hand_pusher pushers[2];
  auto answer = first.start_update({&pushers[0], &pushers[1]});
  for (auto& pusher : pushers)
    EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
  const auto result = answer.get().response;
  EXPECT_EQ(result.status, 200U);
  EXPECT_THAT(result.body, AllOf(HasSubstr("1 worker took 5 tensors"), HasSubstr("so did 1 follower"),
                                 HasSubstr("verified bit for bit")));
  const auto report = boost::json::parse(tests::read_file(source_.directory().path() / "report.json"));
  EXPECT_EQ(report.at("updates").at(0).at("workers").at(0).at("device"), "GPU-1");
  EXPECT_EQ(report.at("updates").at(0).at("weight_version"), "v1");
}

TEST_F(follower_test, that_fails_makes_the_update_fail_and_is_named) {
  const running_sink second{follower({"bucket-error:first"})};
  const running_sink first{leader_of(second.endpoint())};
  hand_pusher pushers[2];
  auto answer = first.start_update({&pushers[0], &pushers[1]});
  EXPECT_THAT(push_all(pushers[0], source_), Each(IsEmpty()));
  EXPECT_EQ(pushers[1].ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
  EXPECT_THAT(pushers[1].ask(tests::list_message(source_.tensors())), HasSubstr("refuses this message"));
  pushers[1].close();
  const auto result = answer.get().response;
  EXPECT_EQ(result.status, 400U);
  EXPECT_THAT(result.body, HasSubstr(second.endpoint().url));
}

TEST_F(follower_test, that_is_not_there_makes_the_update_fail) {
  const running_sink first{leader_of(io::parse_endpoint("http://127.0.0.1:1", {}))};
  hand_pusher pushers[2];
  auto answer = first.start_update({&pushers[0], &pushers[1]});
  EXPECT_THAT(push_all(pushers[0], source_), Each(IsEmpty()));
  const auto result = answer.get().response;
  EXPECT_EQ(result.status, 400U);
  EXPECT_THAT(result.body, AllOf(HasSubstr("http://127.0.0.1:1"), HasSubstr("Connection refused")));
}

TEST_F(follower_test, counts_when_a_request_names_too_few_devices) {
  const running_sink first{leader_of(io::parse_endpoint("http://127.0.0.1:1", {}))};
  hand_pusher pusher;
  const auto result = first.start_update({&pusher}).get().response;
  EXPECT_EQ(result.status, 400U);
  EXPECT_THAT(result.body, HasSubstr("names 1 devices, but the engine has 2 workers"));
}

} // namespace
} // namespace ckpt::apps::sink
