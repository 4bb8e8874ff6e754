// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/report.hpp"

#include "tests/support/host_verdicts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

using namespace actors; // All of it is about them.
using testing::HasSubstr;

/// What a report tells of the weights themselves.
const update nothing_read{{}, {}, std::make_shared<const weights_version>()};

/// Two engines, of which the second failed in the middle.
update_verdict half_failed() {
  update_verdict verdict;
  verdict.first_cause = {ec::engine_failed, "worker 1 of engine B failed", 1};
  verdict.engines.push_back({"A", served_weights::updated, "", "v7", 100, 1.5});
  verdict.engines.push_back({"B", served_weights::mixed, "worker 1 of engine B failed", "v7", 40, 2});
  host_verdict host;
  host.stages.push_back({"disk", 100, 0.5});
  host.stages.push_back({"copy", 0, 0});
  host.startup = {0.5, 0.25};
  verdict.hosts.push_back(host);
  verdict.seconds = 2;
  return verdict;
}

TEST(report, is_written_as_json_with_cause_engines_and_rates) {
  const auto report = boost::json::value(report_of(half_failed(), nothing_read));
  EXPECT_EQ(report.at("outcome"), "failed");
  EXPECT_EQ(report.at("exit_status"), 4);
  EXPECT_EQ(report.at("cause").at("code"), "engine_failed");
  EXPECT_EQ(report.at("engines").at(0).at("outcome"), "updated");
  EXPECT_EQ(report.at("engines").at(1).at("serves"), "mixed");
  EXPECT_EQ(report.at("engines").at(1).at("cause"), "worker 1 of engine B failed");
  EXPECT_EQ(report.at("stages").at("disk").at("bytes_per_second"), 200.0);
  EXPECT_EQ(report.at("startup").at("devices_seconds"), 0.5);
  EXPECT_EQ(report.at("startup").at("memory_seconds"), 0.25);
  EXPECT_TRUE(report.at("stages").at("copy").at("bytes_per_second").is_null()) << "nothing was copied";
}

TEST(report, tells_how_long_the_slowest_host_took_to_connect) {
  update_verdict verdict;
  verdict.hosts = two_shares();
  const update context{{}, {2, 0, 1, 1}, std::make_shared<const weights_version>()};
  const auto report = boost::json::value(report_of(verdict, context));
  EXPECT_EQ(report.at("stages").at("broadcast").at("connect_seconds"), 3.0);
  EXPECT_EQ(report.at("hosts").at(1).at("stages").at("broadcast").at("connect_seconds"), 2.0);
  EXPECT_FALSE(report.at("stages").at("disk").as_object().contains("connect_seconds"));
}

TEST(report, shows_on_a_terminal_which_stage_was_the_bottleneck) {
  const auto table = stages_table(half_failed());
  EXPECT_THAT(table, HasSubstr("disk          0.50 s        200 B/s           25 %  bottleneck"));
  EXPECT_THAT(table, HasSubstr("copy          0.00 s          0 B/s            0 %"));
  EXPECT_EQ(stages_table({}), "");
}

TEST(report, says_of_an_engine_that_it_was_spared) {
  update_verdict verdict;
  auto& engine = verdict.engines.emplace_back();
  engine.endpoint = "A";
  engine.is_spared = true;
  EXPECT_THAT(summary_of(verdict, nothing_read), HasSubstr("engine A: spared\n"));
  EXPECT_EQ(boost::json::value(report_of(verdict, nothing_read)).at("engines").at(0).at("outcome"), "spared");
}

TEST(report, tells_the_user_which_engine_serves_what) {
  const auto text = summary_of(half_failed(), nothing_read);
  EXPECT_THAT(text, HasSubstr("engine A: updated to version v7"));
  EXPECT_THAT(text, HasSubstr("engine B: FAILED, serves MIXED weights: worker 1 of engine B failed"));
  EXPECT_THAT(text, HasSubstr("failed after 2.00 s (engine_failed)"));
}

TEST(report, names_what_may_hang_the_pause_and_the_remarks) {
  auto hosts = two_shares();
  hosts[0].engines[0].closed = hosts[0].engines[0].answered = false;
  auto& account = hosts[0].engines[0].account;
  account.is_unanswered = true;
  account.pause = "retract";
  account.pause_seconds = 0.25;
  account.remarks = {"it served dummy weights"};
  cause why{ec::timed_out, "worker 1 did not connect within 5 s", 0};
  why.detail = "the whole story";
  const auto verdict = conclude(why, hosts, one_engine_on_two_hosts, "v7");
  const auto text = summary_of(verdict, nothing_read);
  EXPECT_THAT(text, HasSubstr("the engine may hang"));
  EXPECT_THAT(text, HasSubstr("paused (retract) for 0.25 s"));
  EXPECT_THAT(text, HasSubstr("note: it served dummy weights"));
  const auto engine = boost::json::value(report_of(verdict, nothing_read)).at("engines").at(0);
  EXPECT_EQ(engine.at("pause"), (boost::json::object{{"mode", "retract"}, {"seconds", 0.25}}));
  EXPECT_EQ(engine.at("remarks").at(0), "it served dummy weights");
  EXPECT_EQ(engine.at("error"), "the whole story");
}

} // namespace
} // namespace ckpt::apps
