// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Engines as unforgiving as real ones: an update goes on without its client, and a worker that has nobody to
// talk to waits for ever. Whatever happens to a node, the next one brings the engine back.

#include "gpu/host/work_mark.hpp"
#include "io/engine/update_lock.hpp"
#include "tests/apps/node/serving_fixture.hpp"

#include <csignal>
#include <random>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class left_behind_test : public serving_test {
protected:
  void start_unforgiving(const std::filesystem::path& checkpoint, const arguments& more = {}) {
    arguments flags{"--unforgiving"};
    flags.insert(flags.end(), more.begin(), more.end());
    start_serving(checkpoint, "sglang", flags);
  }

  /// The next update has nothing to suffer from the one before.
  void expect_healthy(const std::filesystem::path& checkpoint) {
    EXPECT_EQ(run_node(checkpoint), 0) << node_output_ << engine_->output();
    EXPECT_TRUE(has_taken_all()) << engine_->output();
    EXPECT_TRUE(serves()) << node_output_;
    expect_nothing_left();
  }
};

TEST_F(left_behind_test, a_node_stays_until_a_busy_server_has_answered) {
  const auto checkpoint = make_checkpoint();
  start_unforgiving(checkpoint);
  auto running = running_generation(10);
  EXPECT_EQ(run_node(checkpoint, {"--pause", "none", "--timeout", "2", "--stay-time", "30"}), 6)
      << node_output_;
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_THAT(node_output_, HasSubstr("waiting for running requests"));
  EXPECT_THAT(node_output_, Not(HasSubstr("may hang")));
  EXPECT_EQ(last_update().at("success"), false) << "it was told that the update is off";
  EXPECT_EQ(engine_report().at("serves"), "unchanged");
  EXPECT_TRUE(serves());
  expect_healthy(checkpoint);
}

TEST_F(left_behind_test, a_node_that_may_not_stay_says_what_may_happen_and_the_next_one_heals_it) {
  const auto checkpoint = make_checkpoint();
  start_unforgiving(checkpoint);
  auto running = running_generation(10);
  EXPECT_EQ(run_node(checkpoint, {"--pause", "none", "--timeout", "2", "--stay-time", "1"}), 6)
      << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("the engine may hang"));
  EXPECT_THAT(node_output_, HasSubstr("Update it again, which frees it, or restart it"));
  EXPECT_THAT(std::string{engine_report().at("cause").as_string()}, HasSubstr("may hang"));
  expect_healthy(checkpoint);
  EXPECT_TRUE(is_complete(running.answer(patience)));
}

TEST_F(left_behind_test, a_second_signal_ends_the_stay_at_once_and_the_next_node_heals_the_engine) {
  const auto checkpoint = make_checkpoint();
  start_unforgiving(checkpoint);
  auto running = running_generation(10);
  const auto node = start_node(checkpoint, {"--pause", "none", "--timeout", "20", "--stay-time", "600"});
  const auto says = [&](const char* words) {
    return eventually([&] { return node->output().find(words) != std::string::npos; });
  };
  EXPECT_TRUE(says("has taken the request")) << node->output();
  node->send_signal(SIGTERM);
  EXPECT_TRUE(says("a second signal ends this")) << node->output();
  node->send_signal(SIGTERM);
  EXPECT_EQ(node->wait(patience), 1) << node->output();
  EXPECT_THAT(node->output(), HasSubstr("interrupted by SIGTERM twice"));
  expect_healthy(checkpoint);
  EXPECT_TRUE(is_complete(running.answer(patience)));
}

struct kill_case {
  const char* name;
  arguments flags;
};

void PrintTo(const kill_case& one, std::ostream* out) { *out << one.name; }

class killed_test : public left_behind_test, public testing::WithParamInterface<kill_case> {};

TEST_P(killed_test, at_any_moment_is_healed_by_the_next_update) {
  const auto& flags = GetParam().flags;
  const auto checkpoint = make_checkpoint(8 << 20, 2);
  start_unforgiving(checkpoint, slow_engine);
  const auto seed = std::random_device{}();
  std::mt19937 random{seed};
  // From its start to about its end.
  std::uniform_int_distribution<int> moment_ms{0, 1200};
  for (int round = 0; round < 6; ++round) {
    const std::chrono::milliseconds moment{moment_ms(random)};
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round) + ", after "
                 + std::to_string(moment.count()) + " ms");
    auto running = generation(0.5);
    arguments all{"--bucket-size", "1MiB"};
    all.insert(all.end(), flags.begin(), flags.end());
    auto node = start_node(checkpoint, all);
    static_cast<void>(node->wait(moment)); // It may have come to its end.
    node->send_signal(SIGKILL);
    ASSERT_TRUE(node->wait(patience));
    expect_healthy(checkpoint);
    EXPECT_TRUE(is_complete(running.answer(patience)));
    if (HasFailure())
      break;
  }
}

const kill_case kills[] = {{"beside_a_request", {}}, {"behind_a_request", {"--pause", "none"}}};

INSTANTIATE_TEST_SUITE_P(while_, killed_test, testing::ValuesIn(kills),
                         [](const auto& one) { return std::string{one.param.name}; });

struct early_case {
  const char* name;
  arguments faults;
  const char* said;
};

void PrintTo(const early_case& one, std::ostream* out) { *out << one.name; }

class early_test : public left_behind_test, public testing::WithParamInterface<early_case> {};

TEST_P(early_test, leaves_no_worker_that_comes_later) {
  const auto checkpoint = make_checkpoint();
  arguments faults{"--workers", "2", "--fault-updates", "1"};
  for (const auto& one : GetParam().faults)
    faults.insert(faults.end(), {"--fault", one});
  start_unforgiving(checkpoint, faults);
  node_arguments_ = {"--inference-parallel-size", "2"};
  EXPECT_EQ(run_node(checkpoint, {"--stay-time", "30"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr(GetParam().said));
  EXPECT_THAT(node_output_, Not(HasSubstr("may hang")));
  EXPECT_EQ(engine_report().at("serves"), "unchanged");
  // Without the help of another update: its workers were told.
  EXPECT_TRUE(serves());
  EXPECT_TRUE(eventually([&] { return !last_update().empty(); }, patience));
  EXPECT_EQ(last_update().at("success"), false);
  expect_healthy(checkpoint);
}

const early_case early_answers[] = {
    {"says_200", {"early-200", "slow-connect:1"}, "before its workers had taken all weights"},
    {"says_502", {"early-status:502", "slow-connect:1"}, "HTTP 502"},
    {"says_504", {"early-status:504", "slow-connect:1"}, "HTTP 504"},
    {"of_which_one_is_late", {"early-status:504", "slow-connect:1", "one-worker-only:1"}, "HTTP 504"}};

INSTANTIATE_TEST_SUITE_P(server, early_test, testing::ValuesIn(early_answers),
                         [](const auto& one) { return std::string{one.param.name}; });

/// One worker was slow for longer than its node had patience, while its server answered that the other had given up.
TEST_F(left_behind_test, a_worker_that_is_slower_than_its_node_is_patient_is_told_by_the_next_one) {
  const auto checkpoint = make_checkpoint();
  start_unforgiving(checkpoint, {"--workers", "2", "--fault-updates", "1", "--fault", "slow-handle:4",
                                 "--fault", "one-worker-only:1"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  EXPECT_EQ(run_node(checkpoint, {"--timeout", "1.8", "--stay-time", "1"}), 6) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("did not answer for 1.8 s"));
  expect_healthy(checkpoint);
}

/// One worker has connected, the other never does: only a restart helps.
TEST_F(left_behind_test, a_worker_that_never_comes_is_told_in_the_verdict) {
  const auto checkpoint = make_checkpoint();
  start_unforgiving(checkpoint,
                    {"--workers", "2", "--fault", "hang-at:connect", "--fault", "one-worker-only:1"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  EXPECT_EQ(run_node(checkpoint, {"--timeout", "1", "--stay-time", "1"}), 6) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("did not connect within 1 s"));
  EXPECT_THAT(node_output_, HasSubstr("the engine may hang"));
  const auto port = endpoint_.substr(endpoint_.rfind(':') + 1);
  engine_.reset();
  start_unforgiving(checkpoint, {"--workers", "2", "--port", port});
  expect_healthy(checkpoint);
}

/// A port is used again, by engines of other tests, too.
TEST(marks_of_an_engine, are_removed_before_another_one_has_its_port) {
  const std::string url = "http://localhost:1";
  const auto uuid = io::host_worker_uuid(io::engine_key(io::parse_endpoint(url, {})), 1);
  {
    gpu::work_mark left{uuid};
    left.stay(true);
  }
  remove_marks_of_engine(url);
  EXPECT_FALSE(gpu::work_mark{uuid}.was_abandoned());
}

} // namespace
} // namespace ckpt::tests
