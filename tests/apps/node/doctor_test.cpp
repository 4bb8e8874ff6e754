// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// ckpt-actor-node doctor: finds what an update does not reach in an engine that loaded the checkpoint itself.

#include "tests/apps/node/serving_fixture.hpp"

namespace ckpt::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class doctor_test : public serving_test {
protected:
  void start_holding(const std::filesystem::path& checkpoint, const arguments& more = {}) {
    arguments flags{"--consume", "hold"};
    flags.insert(flags.end(), more.begin(), more.end());
    start_serving(checkpoint, "sglang", flags);
  }

  /// The node's command comes first.
  int run_doctor(const std::filesystem::path& checkpoint, const arguments& more = {}) {
    arguments flags{"doctor"};
    flags.insert(flags.end(), more.begin(), more.end());
    return run_node(checkpoint, flags);
  }
};

TEST_F(doctor_test, finds_nothing_where_every_parameter_is_reached) {
  const auto checkpoint = make_checkpoint();
  start_holding(checkpoint, {"--workers", "2"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  auto running = running_generation(3);
  EXPECT_EQ(run_doctor(checkpoint, {"--yes"}), 0) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("as it loaded them itself"));
  EXPECT_TRUE(has_taken_all());
  EXPECT_TRUE(is_complete(running.answer(patience)));
  EXPECT_TRUE(serves());
}

TEST_F(doctor_test, names_what_the_update_does_not_reach) {
  const auto checkpoint = make_checkpoint();
  start_holding(checkpoint);
  ASSERT_EQ(run_node(checkpoint, {"--prove"}), 0) << node_output_;
  const auto name = some_parameter();
  start_holding(checkpoint, {"--workers", "2", "--fault", "one-worker-only:1", "--fault", "loses:" + name});
  node_arguments_ = {"--inference-parallel-size", "2"};
  EXPECT_EQ(run_doctor(checkpoint, {"--yes"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("rank 1: not reached: " + name + "\n"));
  EXPECT_THAT(node_output_, Not(HasSubstr("rank 0: not")));
  EXPECT_EQ(engine_report().at("outcome"), "failed");
  EXPECT_EQ(engine_report().at("serves"), "unknown");
  EXPECT_TRUE(serves());
}

TEST_F(doctor_test, names_what_the_update_sets_otherwise) {
  // The engine has what another update gave it, all tensors with other values.
  const auto checkpoint = make_checkpoint();
  start_holding(checkpoint);
  ASSERT_EQ(ask(endpoint_, "/weights_checker", R"({"action": "reset_tensors"})"), 200u);
  EXPECT_EQ(run_doctor(checkpoint, {"--yes"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("rank 0: set otherwise: "));
  EXPECT_THAT(node_output_, Not(HasSubstr("not reached")));
}

TEST_F(doctor_test, proves_nothing_where_nothing_was_overwritten) {
  const auto checkpoint = make_checkpoint();
  start_holding(checkpoint, {"--fault", "overwrites-nothing"});
  EXPECT_EQ(run_doctor(checkpoint, {"--yes"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("rank 0: the engine did not overwrite "));
}

TEST_F(doctor_test, an_update_that_fails_leaves_an_engine_that_is_said_to_be_overwritten) {
  const auto checkpoint = make_checkpoint();
  start_holding(checkpoint, {"--fault", "http-status:500"});
  EXPECT_EQ(run_doctor(checkpoint, {"--yes"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("MIXED weights"));
  EXPECT_THAT(node_output_, HasSubstr("it was overwritten with random numbers before"));
  EXPECT_TRUE(serves());
}

TEST_F(doctor_test, touches_no_engine_that_tells_nothing) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint); // of a version that knows no checksums
  EXPECT_EQ(run_doctor(checkpoint, {"--yes"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("cannot tell the checksums"));
  EXPECT_THAT(node_output_, HasSubstr("serves its old weights"));
  EXPECT_TRUE(last_update().empty());
  EXPECT_TRUE(serves());
}

TEST_F(doctor_test, asks_first_and_is_for_one_host_and_sglang) {
  const auto checkpoint = make_checkpoint();
  start_holding(checkpoint);
  EXPECT_EQ(run_doctor(checkpoint), 2) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("say --yes"));
  EXPECT_EQ(
      run_doctor(checkpoint, {"--yes", "--nnodes", "2", "--node-rank", "0", "--master-addr", "127.0.0.1"}), 2)
      << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("examines the engines of one host"));
  EXPECT_EQ(run_doctor(checkpoint, {"--yes", "--engine", "vllm"}), 2) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("vllm cannot"));
  EXPECT_TRUE(last_update().empty());
}

} // namespace
} // namespace ckpt::tests
