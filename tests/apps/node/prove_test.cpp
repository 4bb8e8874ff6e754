// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Engines that are asked afterwards what they hold: --prove and --prove-against.

#include "tests/apps/node/serving_fixture.hpp"

#include <filesystem>
#include <fstream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const arguments holding{"--consume", "hold"};

class prove_test : public serving_test {
protected:
  /// An engine that keeps what it is sent.
  void start_holding(const arguments& more = {}) {
    auto flags = holding;
    flags.insert(flags.end(), more.begin(), more.end());
    checkpoint_ = make_checkpoint();
    start_serving(checkpoint_, "sglang", flags);
  }

  /// Keeps the report of the last update beside.
  [[nodiscard]] fs::path keep_report() const {
    auto kept = scratch_.path() / "earlier.json";
    fs::copy_file(scratch_.path() / "report.json", kept, fs::copy_options::overwrite_existing);
    return kept;
  }

  fs::path checkpoint_;
};

TEST_F(prove_test, puts_the_checksums_of_every_rank_into_the_report) {
  start_holding({"--workers", "2"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  EXPECT_EQ(run_node(checkpoint_, {"--prove"}), 0) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("told the checksums of"));
  EXPECT_EQ(report().at("engine"), "sglang");
  const auto ranks = engine_report().at("proof").at("checksums").as_array();
  ASSERT_EQ(ranks.size(), 2u);
  EXPECT_EQ(ranks.at(0), ranks.at(1));
  EXPECT_EQ(ranks.at(0).as_object().size(), report().at("checkpoint").at("tensors").to_number<std::size_t>());
  EXPECT_TRUE(serves());
}

TEST_F(prove_test, is_not_asked_without_being_wanted) {
  start_holding();
  EXPECT_EQ(run_node(checkpoint_), 0) << node_output_;
  EXPECT_TRUE(engine_report().at("proof").is_null());
}

class silent_engine_test : public prove_test, public testing::WithParamInterface<const char*> {};

TEST_P(silent_engine_test, is_remarked_and_fails_only_where_it_is_to_be_compared) {
  checkpoint_ = make_checkpoint();
  start_serving(checkpoint_, GetParam());
  EXPECT_EQ(run_node(checkpoint_, {"--prove"}), 0) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("nothing is proved"));
  EXPECT_EQ(engine_report().at("remarks").as_array().size(), 1u);
  EXPECT_TRUE(engine_report().at("proof").is_null());
  const auto report = keep_report();
  EXPECT_EQ(run_node(checkpoint_, {"--prove-against", report}), 2) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("has no checksums"));
  auto earlier = read_report(report);
  const boost::json::object rank{{"w", "00"}};
  earlier.at("engines").at(0).as_object()["proof"] =
      boost::json::object{{"checksums", boost::json::array{rank}}};
  std::ofstream{report} << boost::json::serialize(earlier);
  EXPECT_EQ(run_node(checkpoint_, {"--prove-against", report}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("could not be proved what it serves"));
}

INSTANTIATE_TEST_SUITE_P(of, silent_engine_test, testing::Values("sglang", "vllm", "lmdeploy"));

TEST_F(prove_test, holds_the_same_after_the_same_checkpoint) {
  start_holding();
  EXPECT_EQ(run_node(checkpoint_, {"--prove"}), 0) << node_output_;
  EXPECT_EQ(run_node(checkpoint_, {"--prove-against", keep_report()}), 0) << node_output_;
  EXPECT_FALSE(engine_report().at("proof").is_null());
}

TEST_F(prove_test, names_what_differs_from_an_earlier_report) {
  start_holding();
  EXPECT_EQ(run_node(checkpoint_, {"--prove"}), 0) << node_output_;
  const auto name = some_parameter();
  auto earlier = report();
  earlier.at("engines").at(0).at("proof").at("checksums").at(0).as_object()[name] = "another";
  const auto path = scratch_.write("altered.json", boost::json::serialize(earlier));
  EXPECT_EQ(run_node(checkpoint_, {"--prove-against", path}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("engine " + endpoint_ + ": FAILED"));
  EXPECT_THAT(node_output_, HasSubstr("rank 0: " + name));
  EXPECT_EQ(engine_report().at("serves"), "unknown");
  EXPECT_EQ(engine_report().at("outcome"), "failed");
  EXPECT_EQ(report().at("exit_status"), 4);
  EXPECT_TRUE(serves());
  // What such an update says must not be taken for what is right.
  EXPECT_EQ(run_node(checkpoint_, {"--prove-against", keep_report()}), 2) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("of an update that failed"));
}

TEST_F(prove_test, refuses_a_report_that_does_not_fit_before_anything_is_touched) {
  start_holding();
  EXPECT_EQ(run_node(checkpoint_, {"--prove"}), 0) << node_output_;
  const auto good = report();
  auto other_kind = good;
  other_kind["engine"] = "vllm";
  auto more_ranks = good;
  auto& ranks = more_ranks.at("engines").at(0).at("proof").at("checksums").as_array();
  ranks.push_back(boost::json::value{ranks.at(0)});
  auto no_texts = good;
  no_texts.at("engines").at(0).at("proof").at("checksums").at(0) = boost::json::object{{"a", 1}};
  const std::pair<std::string, const char*> cases[] = {
      {boost::json::serialize(other_kind), "another kind of engine"},
      {boost::json::serialize(more_ranks), "with 2 worker(s), not 1"},
      {boost::json::serialize(no_texts), "no checksum at"},
      {"{", "is no JSON"},
      {"[]", "is no report"}};
  for (const auto& [text, words] : cases) {
    const auto path = scratch_.write("wrong.json", text);
    EXPECT_EQ(run_node(checkpoint_, {"--prove-against", path}), 2) << text;
    EXPECT_THAT(node_output_, HasSubstr(words));
  }
  EXPECT_EQ(run_node(checkpoint_, {"--prove-against", scratch_.path() / "nowhere.json"}), 2) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("cannot be read"));
  EXPECT_EQ(last_update().at("update"), 1) << "the engine was asked for an update all the same";
}

TEST_F(prove_test, an_engine_that_does_not_answer_is_not_proved) {
  start_holding({"--fault", "weights-checker-fails"});
  EXPECT_EQ(run_node(checkpoint_, {"--prove"}), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("could not be proved what it serves"));
  EXPECT_THAT(node_output_, HasSubstr("fault: no answer about checksums"));
  EXPECT_EQ(engine_report().at("serves"), "updated");
  EXPECT_TRUE(serves());
}

TEST_F(prove_test, engines_of_one_update_have_to_hold_the_same) {
  start_holding({"--workers", "2"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  ASSERT_EQ(run_node(checkpoint_, {"--prove"}), 0) << node_output_;
  const auto name = some_parameter();
  const auto first = endpoint_;
  const auto one = std::move(engine_);
  start_serving(
      checkpoint_, "sglang",
      {"--consume", "hold", "--workers", "2", "--fault", "one-worker-only:1", "--fault", "loses:" + name});
  // It has loaded the checkpoint by itself, so that only one that was overwritten shows what gets lost.
  ASSERT_EQ(ask(endpoint_, "/weights_checker", R"({"action": "reset_tensors"})"), 200u);
  EXPECT_EQ(run_node(checkpoint_, {"--prove", "--endpoint", first, "--endpoint", endpoint_}), 4)
      << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("engine " + first + ": FAILED"));
  EXPECT_THAT(node_output_, HasSubstr("nothing tells which is right: engine " + endpoint_ + " differs"));
  EXPECT_THAT(node_output_, HasSubstr("engine " + endpoint_ + ": FAILED"));
  EXPECT_THAT(node_output_, HasSubstr("than it should: rank 1: " + name + "\n"));
  EXPECT_THAT(node_output_, Not(HasSubstr("rank 0: ")));
}

} // namespace
} // namespace ckpt::tests
