// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Updates that succeed: every kind of engine, way to reach it, and place of the checkpoint.

#include "tests/apps/node/update_fixture.hpp"

#include <fstream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class engine_test : public update_test, public testing::WithParamInterface<const char*> {};

TEST_P(engine_test, takes_every_tensor_bit_for_bit) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--engine", GetParam()});
  EXPECT_EQ(run_node(checkpoint, {"--engine", GetParam()}), 0) << node_output_ << engine_->output();
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
  EXPECT_THAT(node_output_, HasSubstr("engine " + endpoint_ + ": updated"));
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(all, engine_test, testing::Values("sglang", "vllm", "lmdeploy"),
                         [](const auto& one) { return std::string{one.param}; });

class workers_test : public update_test, public testing::WithParamInterface<int> {};

TEST_P(workers_test, of_one_engine_all_take_every_tensor) {
  const auto workers = std::to_string(GetParam());
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--workers", workers});
  node_arguments_ = {"--inference-parallel-size", workers, "--devices", workers};
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_ << engine_->output();
  EXPECT_THAT(engine_->output(), HasSubstr(workers + " worker"));
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
}

INSTANTIATE_TEST_SUITE_P(of, workers_test, testing::Values(2, 3, 8));

TEST_F(update_test, wakes_an_lmdeploy_engine_that_sleeps) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--engine", "lmdeploy", "--start-asleep"});
  EXPECT_EQ(run_node(checkpoint, {"--engine", "lmdeploy"}), 0) << node_output_ << engine_->output();
}

TEST_F(update_test, sets_the_weight_version) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(run_node(checkpoint, {"--weight-version", "step-7"}), 0) << node_output_;
  EXPECT_THAT(engine_->output(), HasSubstr("step-7"));
  EXPECT_EQ(report().at("engines").at(0).at("version"), "step-7");
}

TEST_F(update_test, reaches_the_server_over_a_unix_socket) {
  const auto checkpoint = make_checkpoint();
  const auto socket = fs::path{"/tmp"} / ("ckpt-test-" + std::to_string(::getpid()) + ".sock");
  start_engine(checkpoint, {"--uds", socket});
  EXPECT_EQ(run_node(checkpoint, {"--uds", socket}), 0) << node_output_ << engine_->output();
  engine_->send_signal(SIGTERM);
  EXPECT_TRUE(engine_->wait(patience).has_value());
  fs::remove(socket);
}

TEST_F(update_test, shows_the_api_key) {
  const auto checkpoint = make_checkpoint();
  const auto key = scratch_.write("key", "sesame\n");
  start_engine(checkpoint, {"--api-key-file", key});
  EXPECT_EQ(run_node(checkpoint, {"--api-key-file", key}), 0) << node_output_;
  EXPECT_EQ(run_node(checkpoint), 4) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("--api-key-file"));
  EXPECT_THAT(node_output_, Not(HasSubstr("sesame")));
}

TEST_F(update_test, waits_for_an_engine_that_starts_up) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--ready-after", "1.5"});
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
}

TEST_F(update_test, updates_two_engines_of_one_host_at_once) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  auto first = std::move(engine_);
  const auto first_endpoint = endpoint_;
  start_engine(checkpoint);
  EXPECT_EQ(run_node(checkpoint, {"--endpoint", first_endpoint, "--endpoint", endpoint_}), 0) << node_output_;
  EXPECT_EQ(report().at("engines").as_array().size(), 2u);
}

TEST_F(update_test, takes_a_checkpoint_in_memory_in_place_and_leaves_it_there) {
  const temporary_directory memory{"/dev/shm"};
  const auto checkpoint = make_checkpoint(24 << 20, 3, memory.path());
  start_engine(checkpoint);
  ASSERT_EQ(run_node(checkpoint), 0) << node_output_;
  EXPECT_GT(report().at("stages").at("disk").at("in_place_bytes").to_number<std::uint64_t>(), 24u << 20);
  EXPECT_EQ(std::distance(fs::directory_iterator{checkpoint}, fs::directory_iterator{}), 4);
  EXPECT_EQ(run_node(checkpoint), 0) << "the checkpoint can be used again";
}

TEST_F(update_test, reports_outcome_bytes_and_stages) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  ASSERT_EQ(run_node(checkpoint), 0) << node_output_;
  const auto written = report();
  EXPECT_EQ(written.at("outcome"), "updated");
  EXPECT_EQ(written.at("exit_status"), 0);
  EXPECT_TRUE(written.at("cause").is_null());
  const auto bytes = written.at("checkpoint").at("bytes").to_number<std::uint64_t>();
  EXPECT_GT(bytes, 24u << 20);
  EXPECT_EQ(written.at("engines").at(0).at("bytes"), bytes);
  const auto& plan = written.at("plan");
  EXPECT_GT(plan.at("groups").to_number<std::uint64_t>(), 0u);
  EXPECT_THAT(plan.at("largest_group").at("name").as_string().c_str(), HasSubstr("layers."));
  EXPECT_GE(plan.at("ring_bytes").to_number<std::uint64_t>(),
            plan.at("largest_group").at("bytes").to_number<std::uint64_t>());
  EXPECT_EQ(written.at("engines").at(0).at("serves"), "updated");
  for (const auto* stage : {"disk", "copy", "broadcast", "reload"}) {
    EXPECT_GE(written.at("stages").at(stage).at("bytes").to_number<std::uint64_t>(), bytes) << stage;
    EXPECT_GT(written.at("stages").at(stage).at("busy_seconds").to_number<double>(), 0) << stage;
  }
}

TEST_F(update_test, keeps_its_memory_within_the_given_bound_for_a_checkpoint_several_times_that_size) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's own memory would count";
#endif
  constexpr std::uint64_t mib = 1 << 20;
  const auto checkpoint = make_checkpoint(1024 * mib, 4);
  start_engine(checkpoint, {"--consume", "touch"});
  const arguments command{
      "/usr/bin/env",
      "bash",
      "-c",
      "\"$@\" & pid=$!; peak=0; while kill -0 $pid 2>/dev/null; do now=$(awk '/VmHWM/{print $2}' "
      "/proc/$pid/status 2>/dev/null); [ -n \"$now\" ] && peak=$now; sleep 0.02; done; wait $pid; "
      "status=$?; echo \"peak $peak\"; exit $status",
      "bash",
      CKPT_ACTOR_NODE,
      "--checkpoint-path",
      checkpoint,
      "--device",
      "host",
      "--inference-parallel-size",
      "1",
      "--endpoint",
      endpoint_,
      "--host-memory",
      "128MiB"};
  program node{command, scratch_.path() / "node.log"};
  ASSERT_EQ(node.wait(patience), 0) << node.output();
  const auto output = node.output();
  const auto peak_kib = std::stoull(output.substr(output.rfind("peak ") + 5));
  EXPECT_GT(peak_kib, 0u);
  EXPECT_LT(peak_kib, (128 + 300) * 1024u) << output;
}

TEST_F(update_test, a_dry_run_prints_the_plan_and_moves_nothing) {
  const auto checkpoint = make_checkpoint();
  EXPECT_EQ(run_node(checkpoint, {"--endpoint", "http://127.0.0.1:1", "--dry-run"}), 0);
  for (const auto* part : {"model-00001-of-00003.safetensors", "tensors", "groups", "the largest layers.",
                           "buckets", "memory", "ring", "nothing was moved"})
    EXPECT_THAT(node_output_, HasSubstr(part));
}

TEST_F(update_test, remarks_on_files_that_are_not_sent) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  std::ofstream{checkpoint / "mtp.safetensors"} << "not even opened";
  EXPECT_EQ(run_node(checkpoint, {"--endpoint", "http://127.0.0.1:1", "--dry-run"}), 0) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("does not name them: mtp.safetensors"));
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("does not name them: mtp.safetensors"));
  const auto written = report();
  const auto& remarks = written.at("checkpoint").at("remarks").as_array();
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_THAT(std::string{remarks[0].as_string()}, HasSubstr("mtp.safetensors"));
}

TEST_F(update_test, keeps_together_what_the_user_says) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
  const auto groups = report().at("plan").at("groups").as_int64();
  EXPECT_EQ(run_node(checkpoint, {"--keep-together", "layers.{0,1}", "--keep-together", "layers.{2,3}"}), 0);
  EXPECT_EQ(report().at("plan").at("groups").as_int64(), groups - 2);
}

TEST_F(update_test, refuses_to_keep_together_what_is_not_there) {
  const auto checkpoint = make_checkpoint();
  EXPECT_EQ(
      run_node(checkpoint, {"--endpoint", "http://127.0.0.1:1", "--keep-together", "model.layers.*.mlp"}), 2);
  EXPECT_THAT(node_output_, HasSubstr("model.layers.*.mlp matches no tensor"));
  EXPECT_EQ(run_node(checkpoint, {"--endpoint", "http://127.0.0.1:1", "--keep-together", "{layers"}), 2);
}

} // namespace
} // namespace ckpt::tests
