// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A resident node of several hosts: one call updates the engines of all, whichever host gets it, and hosts come and go.

#include "tests/cluster/cluster_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <sstream>
#include <string>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

class resident_cluster_test : public cluster_test {
protected:
  void TearDown() override {
    for (unsigned host = 0; host < services_.size(); ++host)
      if (services_[host]) {
        services_[host]->send_signal(SIGCONT);
        services_[host]->send_signal(SIGTERM);
        EXPECT_EQ(services_[host]->wait(patience), 0) << "host " << host << ":\n"
                                                      << services_[host]->output();
      }
  }

  [[nodiscard]] fs::path socket(unsigned host) const {
    return scratch_.path() / ("node-" + std::to_string(host) + ".sock");
  }

  void start_service(unsigned host, const arguments& more = {}) {
    arguments command{CKPT_ACTOR_NODE,     "serve",
                      "--device",          "host",
                      "--bucket-size",     "4MiB",
                      "--chunk-size",      "1MiB",
                      "--host-memory",     "8MiB",
                      "--stay-time",       "3",
                      "--listen",          "unix:" + socket(host).string(),
                      "--resident-memory", "200MiB"};
    for (const auto& flags : {place_of(host), engines_of(host), node_flags_, more})
      command.insert(command.end(), flags.begin(), flags.end());
    services_.resize(shape_.hosts);
    services_[host] = std::make_unique<program>(
        hosts_->command(host, command),
        scratch_.path() / ("service-" + std::to_string(host) + "-" + std::to_string(++starts_)));
    ASSERT_TRUE(eventually([&] { return log_of(host).find("listening at") != std::string::npos; }, patience))
        << log_of(host);
  }

  /// The engines have served since they were started.
  void start_resident_cluster(const cluster_shape& shape, const arguments& engine_flags = {},
                              const arguments& more = {}) {
    arguments flags{"--readiness", "serving"};
    flags.insert(flags.end(), engine_flags.begin(), engine_flags.end());
    start_cluster(shape, flags);
    for (auto host = shape.hosts; host-- > 0;)
      start_service(host, more);
    expect_all_here();
  }

  /// Every host of them says so.
  void expect_all_here() {
    for (unsigned host = 0; host < shape_.hosts; ++host)
      EXPECT_TRUE(eventually([&] { return hosts_here(host) == shape_.hosts; }, patience)) << all_logs();
  }

  void kill_service(unsigned host) {
    services_.at(host)->send_signal(SIGKILL);
    EXPECT_TRUE(services_[host]->wait(patience).has_value());
    services_[host].reset();
  }

  [[nodiscard]] std::string log_of(unsigned host) const { return services_.at(host)->output(); }

  [[nodiscard]] std::string all_logs() const {
    std::string all;
    for (unsigned host = 0; host < services_.size(); ++host)
      if (services_[host])
        all += "host " + std::to_string(host) + ":\n" + log_of(host);
    return all;
  }

  /// Asks the node of one host; the answer is in answer_.
  int ask(unsigned host, const std::string& command, const arguments& more = {}) {
    arguments all{CKPT_ACTOR_NODE, command, "--node", "unix:" + socket(host).string()};
    all.insert(all.end(), more.begin(), more.end());
    program asking{all, scratch_.path() / "client.log"};
    const auto status = asking.wait(patience);
    EXPECT_TRUE(status.has_value()) << command << " hangs:\n" << all_logs();
    std::istringstream lines{asking.output()};
    said_.clear();
    std::string described;
    for (std::string line; std::getline(lines, line);)
      (line.starts_with('{') || line.starts_with('[') ? described : said_) += line + "\n";
    boost::system::error_code error;
    answer_ = json::parse(described, error);
    return status.value_or(-1000);
  }

  int publish(unsigned host, const std::string& version, const arguments& more = {"--wait"}) {
    arguments all{checkpoints_[0], "--version", version};
    all.insert(all.end(), more.begin(), more.end());
    return ask(host, "publish", all);
  }

  /// Returns the id of an update of which some buckets are taken, and some not.
  [[nodiscard]] std::string publish_and_reach_the_middle(const std::string& version) {
    EXPECT_EQ(publish(0, version, {}), 0) << said_;
    const auto id = std::string{answer_.at("id").as_string()};
    EXPECT_TRUE(eventually(
        [&] {
          return ask(0, "status", {id}) == 0 && answer_.at("progress").is_object()
                 && answer_.at("progress").at("bytes").to_number<std::uint64_t>() > 0;
        },
        patience));
    return id;
  }

  /// Every engine says that it serves it, and has it bit for bit.
  void expect_served(const std::string& version, const std::vector<unsigned>& engines) const {
    for (const auto engine : engines) {
      const auto output = engines_[engine][0]->output();
      const auto last = output.rfind("\nupdate ");
      ASSERT_NE(last, std::string::npos) << output;
      EXPECT_THAT(output.substr(last), HasSubstr("verified bit for bit")) << "engine " << engine;
      EXPECT_THAT(output.substr(last), HasSubstr(version)) << "engine " << engine;
    }
  }

  [[nodiscard]] std::size_t hosts_here(unsigned asked = 0) {
    const auto status = ask(asked, "hosts");
    if (status != 0)
      return 0;
    return static_cast<std::size_t>(
        std::ranges::count_if(answer_.as_array(), [](const auto& one) { return one.at("here").as_bool(); }));
  }

  /// What the last answer, which describes an update, says of hosts that had no part in it.
  [[nodiscard]] std::size_t absent_hosts() const {
    return answer_.at("report").at("absent_hosts").as_array().size();
  }

  std::vector<std::unique_ptr<program>> services_; ///< by host
  json::value answer_;
  std::string said_; ///< on standard error
  int starts_ = 0;
};

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

TEST_F(resident_cluster_test, divides_what_is_prepared_anew_when_a_host_has_left) {
  start_resident_cluster({3, 1, 1});
  ASSERT_EQ(publish(0, "v1", {"--prepare", "--wait"}), 0) << said_ << all_logs();
  const auto id = std::string{answer_.at("id").as_string()};
  kill_service(1);
  ASSERT_TRUE(eventually([&] { return hosts_here() == 2; }, patience));
  ASSERT_EQ(ask(2, "commit", {id, "--wait"}), 0) << said_ << all_logs();
  expect_served("v1", {0, 2});
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
  start_engine(0, {"--readiness", "serving"});
  ASSERT_EQ(ask(1, "rollback", {"--version", "v1", "--engine", engine_url(0), "--wait"}), 0)
      << said_ << all_logs();
  expect_served("v1", {0});
  EXPECT_THAT(engines_[1][0]->output(), testing::Not(HasSubstr("update 2"))) << "it serves undisturbed";
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

TEST_F(resident_cluster_test, begins_without_hosts_that_never_come_and_takes_them_in_later) {
  node_flags_ = {"--timeout", "3", "--insecure-network"};
  start_cluster({2, 1, 1}, {"--readiness", "serving"});
  start_service(0);
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  expect_served("v1", {0});
  start_service(1);
  expect_all_here();
  ASSERT_EQ(publish(1, "v2"), 0) << said_ << all_logs();
  expect_served("v2", {0, 1});
}

TEST_F(resident_cluster_test, tells_all_hosts_at_once_when_one_cannot_take_part) {
  start_resident_cluster({3, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  // Another update has the engine of host 1.
  const program other{
      hosts_->command(
          1, node_command(checkpoints_[0], scratch_.path() / "other.json",
                          {"--inference-parallel-size", "1", "--endpoint", engine_url(1), "--save-metas-file",
                           scratch_.path() / "other-metas.json", "--sleep-time", "600"})),
      scratch_.path() / "other.log"};
  ASSERT_TRUE(eventually([&] { return fs::exists(scratch_.path() / "other-metas.json"); }, patience))
      << other.output();
  EXPECT_EQ(publish(0, "v2"), 4) << said_ << all_logs();
  EXPECT_THAT(said_, HasSubstr("is being updated by another process"));
  for (const auto& engine : answer_.at("report").at("engines").as_array())
    EXPECT_EQ(engine.at("serves"), "unchanged") << answer_;
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
