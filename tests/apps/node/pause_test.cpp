// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Updates beside requests that run: they do not wait for these, lose none, and leave no engine paused.

#include "tests/apps/node/serving_fixture.hpp"

#include <csignal>
#include <vector>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;

struct mode_case {
  const char* engine;
  const char* mode;
  bool ends_requests = false;
};

void PrintTo(const mode_case& one, std::ostream* out) { *out << one.engine << " " << one.mode; }

class pause_test : public serving_test, public testing::WithParamInterface<mode_case> {};

TEST_P(pause_test, lets_an_update_through_and_loses_no_request) {
  const auto [kind, mode, ends_requests] = GetParam();
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, kind, slow_engine);
  auto running = generation(2);
  auto endless = generation(600);
  auto node = start_node(checkpoint, {"--pause", mode});
  std::vector<http_client> later;
  while (!node->wait(std::chrono::milliseconds{100}))
    later.push_back(generation(0));
  EXPECT_EQ(node->wait(patience), 0) << node->output() << engine_->output();
  EXPECT_TRUE(has_taken_all());
  EXPECT_EQ(engine_report().at("pause").at("mode"), mode);
  EXPECT_GT(engine_report().at("pause").at("seconds").to_number<double>(), 0);
  if (ends_requests) {
    EXPECT_EQ(endless.answer(patience).value_or(http_answer{}).status, 200u);
  } else {
    EXPECT_FALSE(endless.is_answered()) << "the update waited for it";
    EXPECT_TRUE(is_complete(running.answer(patience)));
  }
  for (auto& request : later)
    EXPECT_EQ(request.answer(patience).value_or(http_answer{}).status, 200u);
  EXPECT_TRUE(serves());
}

const mode_case modes[] = {{"sglang", "retract"},
                           {"sglang", "in_place"},
                           {"sglang", "abort", true},
                           {"vllm", "keep"},
                           {"vllm", "abort", true}};

INSTANTIATE_TEST_SUITE_P(by, pause_test, testing::ValuesIn(modes), [](const auto& one) {
  return std::string{one.param.engine} + "_" + one.param.mode;
});

TEST_F(serving_test, pause_wait_lets_running_requests_end_first) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "vllm");
  auto running = generation(2);
  EXPECT_EQ(run_node(checkpoint, {"--pause", "wait"}), 0) << node_output_;
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_EQ(engine_report().at("pause").at("mode"), "wait");
  EXPECT_TRUE(serves());
}

TEST_F(serving_test, without_a_pause_the_update_waits_and_says_so) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint);
  auto running = running_generation(10);
  EXPECT_EQ(run_node(checkpoint, {"--pause", "none"}), 0) << node_output_;
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_THAT(node_output_, HasSubstr("waits for running requests"));
  EXPECT_TRUE(engine_report().at("pause").is_null());
  EXPECT_TRUE(has_taken_all());
}

class no_pause_test : public serving_test, public testing::WithParamInterface<const char*> {};

TEST_P(no_pause_test, is_updated_all_the_same_and_said) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, GetParam(), {"--fault", "no-pause-route"});
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
  EXPECT_TRUE(has_taken_all());
  const auto engine = engine_report();
  EXPECT_TRUE(engine.at("pause").is_null());
  EXPECT_EQ(engine.at("remarks").as_array().size(), 1u);
  EXPECT_THAT(node_output_, HasSubstr("note: the server has no POST /pause"));
  EXPECT_TRUE(serves());
}

INSTANTIATE_TEST_SUITE_P(of, no_pause_test, testing::Values("sglang", "vllm"));

class resume_test : public serving_test, public testing::WithParamInterface<const char*> {};

TEST_P(resume_test, comes_after_a_worker_that_fails) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, GetParam(), {"--fault", "bucket-error:first"});
  auto running = generation(2);
  EXPECT_EQ(run_node(checkpoint), 4) << node_output_;
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_TRUE(serves());
}

INSTANTIATE_TEST_SUITE_P(of, resume_test, testing::Values("sglang", "vllm"));

TEST_F(serving_test, an_interrupted_update_resumes_the_engine) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "sglang", {"--worker-seconds-per-gib", "400"});
  auto running = running_generation(10);
  auto node = start_node(checkpoint);
  ASSERT_TRUE(becomes_paused());
  node->send_signal(SIGTERM);
  EXPECT_EQ(node->wait(patience), 1) << node->output();
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_TRUE(serves());
}

TEST_F(serving_test, what_a_killed_node_has_paused_the_next_one_resumes) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "sglang", {"--fault", "hang-at:first", "--fault-updates", "1"});
  auto running = running_generation(10);
  auto node = start_node(checkpoint);
  ASSERT_TRUE(becomes_paused());
  node->send_signal(SIGKILL);
  EXPECT_EQ(node->wait(patience), -SIGKILL);
  EXPECT_FALSE(running.is_answered());
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_TRUE(has_taken_all());
  EXPECT_TRUE(serves());
}

/// An engine without versions looks, while it is paused, as if it waited for its first weights.
class versionless_test : public update_test {
protected:
  void leave_paused(const std::filesystem::path& checkpoint) {
    start_engine(checkpoint, {"--dummy-after", "0", "--fault", "hang-at:first", "--fault-updates", "1"});
    ASSERT_EQ(ask(endpoint_, "/ready"), 200u);
    auto node = start_node(checkpoint);
    ASSERT_TRUE(eventually([&] { return ask(endpoint_, "/ready") == 503; }, patience))
        << node->output() << engine_->output();
    node->send_signal(SIGKILL);
    EXPECT_EQ(node->wait(patience), -SIGKILL);
  }
};

TEST_F(versionless_test, what_a_killed_node_has_paused_is_spoken_of_by_who_pauses_nothing) {
  const auto checkpoint = make_checkpoint(8 << 20);
  leave_paused(checkpoint);
  EXPECT_EQ(run_node(checkpoint, {"--pause", "none"}), 0) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("a node that was killed may have left it paused"));
  EXPECT_EQ(ask(endpoint_, "/ready"), 503u);
  // Nothing tells of a killed node any more.
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
  EXPECT_EQ(ask(endpoint_, "/ready"), 200u);
}

TEST_F(versionless_test, what_a_killed_node_has_paused_the_next_one_resumes) {
  const auto checkpoint = make_checkpoint(8 << 20);
  leave_paused(checkpoint);
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
  EXPECT_FALSE(report().at("engines").at(0).at("pause").is_null());
  EXPECT_EQ(ask(endpoint_, "/ready"), 200u);
}

} // namespace
} // namespace ckpt::tests
