// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The metrics of a resident node.

#include "io/http/http_call.hpp"
#include "tests/apps/node/service_fixture.hpp"

#include <map>
#include <sstream>

namespace ckpt::tests {
namespace {

class metrics_test : public service_test {
protected:
  void SetUp() override {
    checkpoint_ = make_checkpoint();
    start_serving(checkpoint_);
  }

  /// The node's samples: name and labels, and value.
  [[nodiscard]] std::map<std::string, double> metrics() {
    io::http_call call{io::parse_endpoint("http://localhost", socket_.string()),
                       {io::http_request::verb::get, "/metrics", {}},
                       {},
                       patience};
    while (!call.wait(patience)) {
    }
    EXPECT_FALSE(call.error()) << call.error().message();
    std::map<std::string, double> samples;
    std::istringstream lines{call.response().body};
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# "))
        continue;
      const auto space = line.rfind(' ');
      EXPECT_TRUE(samples.emplace(line.substr(0, space), std::stod(line.substr(space))).second)
          << line << " twice";
    }
    return samples;
  }

  std::filesystem::path checkpoint_;
};

TEST_F(metrics_test, count_updates_by_outcome_pauses_and_the_work_of_each_stage) {
  start_service({"--resident-memory", "200MiB"});
  auto before = metrics();
  EXPECT_EQ(before.at(R"(ckpt_actor_updates_total{outcome="updated"})"), 0) << "counters begin at zero";
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  const auto pause = answer().at("report").at("engines").at(0).at("pause").at("seconds").to_number<double>();
  const auto bytes = answer().at("report").at("stages").at("reload").at("bytes").to_number<double>();
  ASSERT_EQ(publish(checkpoint_, "v2"), 0) << said_;
  ASSERT_EQ(publish(checkpoint_, "v3", {"--prepare", "--wait"}), 0) << said_;
  ASSERT_EQ(ask_node("cancel", {id()}), 0) << said_;
  EXPECT_EQ(publish(checkpoint_ / "missing", "v4"), 3);
  auto after = metrics();
  EXPECT_EQ(after.at(R"(ckpt_actor_updates_total{outcome="updated"})"), 2);
  EXPECT_EQ(after.at(R"(ckpt_actor_updates_total{outcome="cancelled"})"), 1);
  EXPECT_EQ(after.at(R"(ckpt_actor_updates_total{outcome="failed"})"), 1);
  EXPECT_EQ(after.at("ckpt_actor_prepare_seconds_count"), 3);
  EXPECT_EQ(after.at(R"(ckpt_actor_push_seconds_count{outcome="updated"})"), 2);
  EXPECT_EQ(after.at(R"(ckpt_actor_push_seconds_count{outcome="failed"})"), 0) << "v4 never got so far";
  EXPECT_EQ(after.at("ckpt_actor_pause_seconds_count"), 2);
  EXPECT_EQ(after.at(R"(ckpt_actor_pause_seconds_bucket{le="+Inf"})"), 2);
  EXPECT_GE(after.at("ckpt_actor_pause_seconds_sum"), pause);
  EXPECT_LE(after.at(R"(ckpt_actor_pause_seconds_bucket{le="0.005"})"),
            after.at(R"(ckpt_actor_pause_seconds_bucket{le="600"})"));
  EXPECT_EQ(after.at(R"(ckpt_actor_stage_bytes_total{stage="reload"})"), 2 * bytes);
  EXPECT_GT(after.at(R"(ckpt_actor_stage_busy_seconds_total{stage="reload"})"), 0);
  EXPECT_GT(after.at(R"(ckpt_actor_stage_bytes_per_second{stage="copy"})"), 0);
  EXPECT_GT(after.at("ckpt_actor_resident_bytes"), bytes);
  EXPECT_EQ(after.at("ckpt_actor_hosts"), 1);
  EXPECT_EQ(after.at("ckpt_actor_hosts_here"), 1);
}

} // namespace
} // namespace ckpt::tests
