// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A resident node of several hosts: one call updates the engines of all, whichever host gets it, and hosts come and go.

#include "tests/cluster/resident_fixture.hpp"

#include <fstream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

TEST_F(resident_cluster_test, one_call_updates_the_engines_of_all_hosts_from_memory) {
  start_resident_cluster({3, 1, 1});
  for (unsigned number = 0; number < 6; ++number) {
    const auto version = "step-" + std::to_string(number);
    ASSERT_EQ(publish(number % 3, version), 0) << said_ << all_logs(); // Whichever host gets it.
    expect_served(version, {0, 1, 2});
    const auto& disk = answer_.at("report").at("stages").at("disk");
    EXPECT_EQ(disk.at("in_place_bytes"), disk.at("bytes")) << "it was in memory before any engine was asked";
    EXPECT_EQ(absent_hosts(), 0u);
  }
  ASSERT_EQ(ask(1, "engines"), 0);
  ASSERT_EQ(answer_.as_array().size(), 3u);
  for (const auto& engine : answer_.as_array())
    EXPECT_EQ(engine.at("version"), "step-5") << answer_;
}

TEST_F(resident_cluster_test, updates_one_engine_over_two_hosts_and_rolls_back) {
  start_resident_cluster({2, 2, 4});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  ASSERT_EQ(publish(1, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0});
  ASSERT_EQ(ask(1, "rollback", {"--wait"}), 0) << said_ << all_logs();
  expect_served("v1", {0});
}

TEST_F(resident_cluster_test, goes_on_without_a_host_that_left_and_with_it_once_it_is_back) {
  start_resident_cluster({3, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  kill_service(2);
  ASSERT_TRUE(eventually([&] { return hosts_here() == 2; }, patience));
  ASSERT_EQ(publish(1, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0, 1});
  EXPECT_EQ(absent_hosts(), 1u);
  start_service(2);
  expect_all_here();
  ASSERT_EQ(publish(2, "v2"), 0) << said_ << all_logs(); // Asked again: not all engines serve it.
  expect_served("v2", {0, 1, 2});
  EXPECT_EQ(absent_hosts(), 0u);
}

TEST_F(resident_cluster_test, serves_what_all_that_took_part_have_though_a_host_joined_meanwhile) {
  start_resident_cluster({2, 1, 1}, slow_engines);
  for (const auto* const version : {"v0", "v1"})
    ASSERT_EQ(publish(0, version), 0) << said_ << all_logs();
  kill_service(1);
  ASSERT_TRUE(eventually([&] { return hosts_here() == 1; }, patience));
  const auto id = publish_and_reach_the_middle("v2");
  engines_[0][0]->send_signal(SIGSTOP); // It cannot answer before the host is there.
  start_service(1);
  EXPECT_TRUE(eventually([&] { return hosts_here() == 2; }, patience)) << all_logs();
  engines_[0][0]->send_signal(SIGCONT);
  ASSERT_EQ(ask(0, "status", {id, "--wait"}), 0) << answer_ << all_logs();
  ASSERT_EQ(ask(0, "versions"), 0);
  for (const auto& version : answer_.as_array())
    EXPECT_EQ(version.at("served").as_bool(), version.at("version") == "v2") << answer_;
  ASSERT_EQ(ask(0, "rollback", {"--wait"}), 0) << said_ << all_logs();
  expect_served("v1", {0, 1});
}

TEST_F(resident_cluster_test, divides_what_is_prepared_anew_when_a_host_has_left) {
  start_resident_cluster({3, 1, 1});
  ASSERT_EQ(publish(0, "v1", {"--prepare", "--wait"}), 0) << said_ << all_logs();
  const auto id = std::string{answer_.at("id").as_string()};
  kill_service(1);
  ASSERT_TRUE(eventually([&] { return hosts_here() == 2; }, patience));
  ASSERT_EQ(ask(2, "commit", {id, "--wait"}), 0) << said_ << all_logs();
  expect_served("v1", {0, 2});
}

TEST_F(resident_cluster_test, does_not_read_other_content_where_a_host_was_started_again) {
  start_resident_cluster({2, 1, 1});
  const auto prepare_and_restart_host_1 = [&](const std::string& version) {
    EXPECT_EQ(publish(0, version, {"--prepare", "--wait"}), 0) << said_ << all_logs();
    const auto id = std::string{answer_.at("id").as_string()};
    kill_service(1);
    EXPECT_TRUE(eventually([&] { return hosts_here() == 1; }, patience));
    start_service(1);
    expect_all_here();
    return id;
  };
  ASSERT_EQ(ask(0, "commit", {prepare_and_restart_host_1("v1"), "--wait"}), 0) << said_ << all_logs();
  expect_served("v1", {0, 1});
  const auto id = prepare_and_restart_host_1("v2");
  for (const auto& file : fs::directory_iterator{checkpoints_[0]})
    if (file.path().extension() == ".safetensors") {
      std::fstream writing{file.path(), std::ios::in | std::ios::out | std::ios::binary};
      writing.seekp(static_cast<std::streamoff>(file.file_size() / 3)).put('*'); // Not in the sample.
    }
  EXPECT_EQ(ask(1, "commit", {id, "--wait"}), 3) << answer_ << all_logs();
  EXPECT_THAT(said_, HasSubstr("not what they were"));
}

TEST_F(resident_cluster_test, finds_together_again_after_host_0_was_killed) {
  start_resident_cluster({3, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  kill_service(0);
  EXPECT_NE(ask(1, "engines"), 0) << "host 0 answers that";
  start_service(0);
  expect_all_here();
  ASSERT_EQ(publish(1, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0, 1, 2});
}

TEST_F(resident_cluster_test, takes_back_a_host_that_was_stopped_for_a_while) {
  node_flags_.insert(node_flags_.end(), {"--host-timeout", "2"});
  start_resident_cluster({2, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  services_[1]->send_signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return hosts_here() == 1; }, patience));
  services_[1]->send_signal(SIGCONT);
  expect_all_here();
  ASSERT_EQ(publish(1, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0, 1});
}

TEST_F(resident_cluster_test, gives_engines_the_version_before_when_a_host_dies_in_the_middle) {
  start_resident_cluster({3, 1, 1}, slow_engines, {"--on-failure", "rollback"});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  const auto id = publish_and_reach_the_middle("v2");
  kill_service(1);
  EXPECT_NE(ask(0, "status", {id, "--wait"}), 0) << answer_;
  EXPECT_EQ(answer_.at("state"), "failed") << answer_;
  EXPECT_EQ(answer_.at("report").at("rollback").at("outcome"), "updated") << answer_ << all_logs();
  expect_served("v1", {0, 2});
  // What the third engine serves nobody knows: it is not taken for the version that it had.
  start_service(1);
  expect_all_here();
  ASSERT_EQ(publish(2, "v1"), 0) << said_ << all_logs();
  expect_served("v1", {0, 1, 2});
  EXPECT_EQ(absent_hosts(), 0u) << answer_;
}

TEST_F(resident_cluster_test, begins_without_hosts_that_never_come_and_takes_them_in_later) {
  node_flags_ = {"--timeout", "5", "--insecure-network"};
  start_cluster({2, 1, 1}, {"--readiness", "serving"});
  start_service(0);
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  expect_served("v1", {0});
  start_service(1);
  expect_all_here();
  ASSERT_EQ(publish(1, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0, 1});
}

TEST_F(resident_cluster_test, refuses_a_host_that_was_started_otherwise) {
  start_resident_cluster({2, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  kill_service(1);
  start_service(1, {"--bucket-size", "8MiB"});
  EXPECT_EQ(services_[1]->wait(patience), 5) << log_of(1);
  EXPECT_THAT(log_of(1), HasSubstr("--bucket-size"));
  services_[1].reset();
  ASSERT_EQ(publish(0, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0});
}

TEST_F(resident_cluster_test, stops_preparing_on_all_hosts_when_it_is_told_to) {
  start_resident_cluster({2, 1, 1}, {}, {"--read-limit", "2MiB"});
  ASSERT_EQ(publish(1, "v1", {}), 0) << said_;
  const auto id = std::string{answer_.at("id").as_string()};
  ASSERT_TRUE(eventually([&] { return ask(0, "status", {id}) == 0 && answer_.at("state") == "preparing"; },
                         patience));
  EXPECT_EQ(ask(1, "cancel", {id}), 0) << said_;
  ASSERT_TRUE(eventually([&] { return log_of(1).find("interrupted while") != std::string::npos; }, patience))
      << all_logs();
  ASSERT_EQ(ask(0, "status", {id}), 0) << said_;
  EXPECT_EQ(answer_.at("state"), "cancelled");
}

} // namespace
} // namespace ckpt::tests
