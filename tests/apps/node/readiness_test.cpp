// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// When an engine is ready for weights, and when it says that it serves them.

#include "tests/apps/node/serving_fixture.hpp"

#include <algorithm>
#include <csignal>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class cold_start_test : public update_test, public testing::WithParamInterface<const char*> {};

TEST_P(cold_start_test, is_updated_and_serves_when_the_node_ends) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--readiness", GetParam()});
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_ << engine_->output();
  EXPECT_EQ(ask(endpoint_, "/health"), 200u);
  EXPECT_EQ(ask(endpoint_, "/generate", "{}"), 200u);
  const auto engine = report().at("engines").at(0).as_object();
  EXPECT_EQ(engine.at("serves"), "updated");
  EXPECT_TRUE(engine.at("remarks").as_array().empty());
  // Nobody sends requests to an engine without weights: there is nothing to pause.
  EXPECT_EQ(engine.at("pause").is_null(), std::string{GetParam()} != "serving");
}

INSTANTIATE_TEST_SUITE_P(of, cold_start_test, testing::Values("ping-at-once", "wait", "old", "serving"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(update_test, a_node_that_was_there_first_waits_for_the_server) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint); // Only to learn of a port that is free.
  const auto port = endpoint_.substr(endpoint_.rfind(':') + 1);
  engine_.reset();
  auto node = start_node(checkpoint, {"--timeout", "30"});
  EXPECT_TRUE(
      eventually([&] { return node->output().find("not ready yet") != std::string::npos; }, patience));
  start_engine(checkpoint, {"--readiness", "wait", "--port", port});
  EXPECT_EQ(node->wait(patience), 0) << node->output() << engine_->output();
  EXPECT_EQ(ask(endpoint_, "/ping"), 200u);
}

class dummy_test : public update_test, public testing::WithParamInterface<const char*> {};

TEST_P(dummy_test, weights_that_were_served_are_spoken_of) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--readiness", GetParam(), "--dummy-after", "0"});
  ASSERT_EQ(ask(endpoint_, "/health"), 200u);
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_ << engine_->output();
  const std::string remark =
      "it was started with dummy weights and tells no version: unless another update came before, it "
      "answered requests with dummy weights";
  EXPECT_THAT(node_output_, HasSubstr("note: " + remark));
  EXPECT_EQ(report().at("engines").at(0).at("remarks"), boost::json::array{remark});
}

INSTANTIATE_TEST_SUITE_P(by, dummy_test, testing::Values("wait", "old"));

class two_engines_test : public serving_test, public testing::WithParamInterface<const char*> {};

TEST_P(two_engines_test, go_on_serving_until_both_are_ready) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, GetParam());
  const auto late = std::move(engine_);
  const auto late_endpoint = endpoint_;
  start_serving(checkpoint, GetParam());
  late->send_signal(SIGSTOP);
  auto node =
      start_node(checkpoint, {"--timeout", "40", "--endpoint", endpoint_, "--endpoint", late_endpoint});
  EXPECT_TRUE(eventually(
      [&] { return node->output().find("engine " + endpoint_ + " is ready") != std::string::npos; },
      patience));
  EXPECT_TRUE(is_complete(generation(0.5).answer(patience))) << node->output();
  late->send_signal(SIGCONT);
  EXPECT_EQ(node->wait(patience), 0) << node->output();
  EXPECT_EQ(report().at("engines").as_array().size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(all, two_engines_test, testing::Values("sglang", "vllm"));

TEST_F(serving_test, a_failure_after_the_last_weights_leaves_open_what_is_served) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "sglang", {"--fault", "http-status-after:500"});
  EXPECT_EQ(run_node(checkpoint, {"--weight-version", "v2"}), 4) << node_output_;
  EXPECT_EQ(engine_report().at("serves"), "unknown");
  EXPECT_TRUE(serves());
}

TEST_F(serving_test, a_server_that_tells_the_new_version_serves_it_whatever_its_gateway_said) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "sglang", {"--fault", "http-status-after:504"});
  EXPECT_EQ(run_node(checkpoint, {"--weight-version", "v2"}), 4) << node_output_;
  EXPECT_EQ(engine_report().at("serves"), "updated");
  EXPECT_THAT(node_output_, Not(HasSubstr("may hang")));
  EXPECT_TRUE(serves());
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

TEST_F(serving_test, a_workers_error_is_printed_once_and_reported_in_full) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "sglang", {"--fault", "bucket-error:first"});
  EXPECT_EQ(run_node(checkpoint), 4) << node_output_;
  const std::string words = "RuntimeError: fault: the worker refuses this message";
  EXPECT_EQ(count(node_output_, words), 1u) << node_output_;
  EXPECT_EQ(count(node_output_, "Traceback"), 1u) << node_output_;
  EXPECT_THAT(node_output_, Not(HasSubstr("^^^")));
  const std::string error{engine_report().at("error").as_string()};
  EXPECT_THAT(error, testing::StartsWith("Traceback (most recent call last):\n"));
  EXPECT_THAT(error, HasSubstr("^^^\n" + words));
}

} // namespace
} // namespace ckpt::tests
