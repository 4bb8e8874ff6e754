// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A resident node of several hosts and single ones of its engines: spared, healed, or left out because they are dead.

#include "tests/cluster/resident_fixture.hpp"

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

TEST_F(resident_cluster_test, updates_only_the_engines_that_are_named) {
  start_resident_cluster({2, 2, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  ASSERT_EQ(publish(1, "v2", {"--engine", engine_url(1), "--engine", "1@" + engine_url(2), "--wait"}), 0)
      << said_ << all_logs();
  expect_served("v2", {1, 2});
  expect_served("v1", {0, 3});
  EXPECT_EQ(answer_.at("report").at("engines").at(0).at("outcome"), "spared") << answer_;
  EXPECT_EQ(publish(0, "v3", {"--engine", "http://127.0.0.1:1", "--wait"}), 2) << answer_;
  EXPECT_THAT(said_, HasSubstr("no engine is known as http://127.0.0.1:1"));
  ASSERT_EQ(publish(0, "v2"), 0) << said_ << all_logs(); // To all, now.
  expect_served("v2", {0, 1, 2, 3});
}

TEST_F(resident_cluster_test, spares_all_engines_of_a_host_whose_ring_holds_everything) {
  checkpoints_ = {write_small_checkpoint(scratch_.path(), 1 << 20, 1)};
  start_resident_cluster({2, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  for (const auto* const version : {"v2", "v3"}) {
    ASSERT_EQ(publish(1, version, {"--engine", engine_url(0), "--wait"}), 0) << said_ << all_logs();
    expect_served(version, {0});
  }
  expect_served("v1", {1});
}

TEST_F(resident_cluster_test, says_that_an_engine_that_is_named_is_not_there) {
  start_resident_cluster({2, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  kill_service(1);
  ASSERT_TRUE(eventually([&] { return hosts_here() == 1; }, patience));
  EXPECT_EQ(publish(0, "v2", {"--engine", engine_url(1), "--wait"}), 5) << said_ << answer_;
  EXPECT_THAT(said_, HasSubstr("is not reachable"));
  expect_served("v1", {0});
  ASSERT_EQ(ask(0, "versions"), 0);
  for (const auto& version : answer_.as_array())
    EXPECT_EQ(version.at("served").as_bool(), version.at("version") == "v1") << answer_;
}

TEST_F(resident_cluster_test, spares_an_engine_over_two_hosts) {
  start_resident_cluster({4, 1, 2});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  ASSERT_EQ(publish(3, "v2", {"--engine", engine_url(1), "--wait"}), 0) << said_ << all_logs();
  expect_served("v1", {0});
  expect_served("v2", {1});
}

TEST_F(resident_cluster_test, brings_an_engine_that_was_started_again_its_weights_from_memory) {
  start_resident_cluster({2, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  const auto before = engines_[1][0]->output();
  start_engine(0, {"--readiness", "serving"});
  ASSERT_EQ(ask(1, "rollback", {"--version", "v1", "--engine", engine_url(0), "--wait"}), 0)
      << said_ << all_logs();
  expect_served("v1", {0});
  EXPECT_EQ(engines_[1][0]->output(), before) << "it serves undisturbed\n" << all_logs();
}

TEST_F(resident_cluster_test, heals_an_engine_that_was_started_again) {
  start_resident_cluster({2, 1, 1}, {}, {"--heal"});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  for (const auto engine : {0u, 1u}) {
    const auto before = engines_[1 - engine][0]->output();
    engines_[engine].clear();
    ASSERT_TRUE(eventually([&] { return log_of(engine).find("is away") != std::string::npos; }, patience));
    start_engine(engine, {"--readiness", "serving"});
    EXPECT_TRUE(eventually(
        [&] {
          return engines_[engine][0]->output().find("verified bit for bit") != std::string::npos
                 && ask(0, "status") == 0 && answer_.as_array().back().at("state") == "updated";
        },
        patience))
        << all_logs();
    expect_served("v1", {engine});
    EXPECT_EQ(engines_[1 - engine][0]->output(), before) << "nobody else was disturbed\n" << all_logs();
  }
}

TEST_F(resident_cluster_test, gives_engines_the_version_before_when_one_of_them_dies) {
  start_resident_cluster({3, 1, 1}, slow_engines, {"--on-failure", "rollback"});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  const auto id = publish_and_reach_the_middle("v2");
  engines_[0].clear();
  EXPECT_NE(ask(0, "status", {id, "--wait"}), 0) << answer_;
  EXPECT_EQ(answer_.at("state"), "failed") << answer_;
  const auto& rollback = answer_.at("report").at("rollback");
  EXPECT_EQ(rollback.at("outcome"), "updated") << answer_ << all_logs();
  EXPECT_EQ(rollback.at("engines").at(0).at("outcome"), "spared") << answer_;
  expect_served("v1", {1, 2});
}

TEST_F(resident_cluster_test, lets_a_new_engine_take_the_weights_from_the_memory_of_its_hosts) {
  start_cluster({3, 1, 1}, {"--readiness", "serving"});
  shape_.hosts = 2; // The third one joins.
  const auto metas = scratch_.path() / "metas.json";
  for (const auto host : {0u, 1u})
    start_service(host, {"--save-metas-file", metas});
  expect_all_here();
  for (const auto* const version : {"v1", "v2"})
    ASSERT_EQ(publish(0, version), 0) << said_ << all_logs();
  ASSERT_EQ(ask(1, "metas"), 0) << said_;
  EXPECT_EQ(answer_, json::parse(read_file(metas)));
  const auto join =
      joining_command(metas, scratch_.path() / "join.json",
                      {"--inference-parallel-size", "1", "--endpoint", engine_url(2), "--insecure-network"});
  program joining{hosts_->command(2, join), scratch_.path() / "join.log"};
  EXPECT_EQ(joining.wait(patience), 0) << joining.output() << all_logs();
  expect_served("v2", {2});
  EXPECT_EQ(read_report(scratch_.path() / "join.json").at("stages").at("disk").at("engine"), "peers");
}

} // namespace
} // namespace ckpt::tests
