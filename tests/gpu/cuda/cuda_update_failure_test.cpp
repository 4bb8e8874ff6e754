// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Updates of engines on GPUs that fail: what is said, and that the next one succeeds.

#include "tests/gpu/cuda/cuda_update_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

void flip_last_byte(const fs::path& file) {
  std::fstream stream{file, std::ios::binary | std::ios::in | std::ios::out};
  stream.seekg(-1, std::ios::end);
  const auto byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(-1, std::ios::end);
  stream.put(byte);
}

TEST_F(cuda_update_test, of_other_weights_is_noticed_by_the_engine) {
  start_engines({});
  const auto expected = std::exchange(checkpoint_, scratch_.path() / "other");
  fs::copy(expected, checkpoint_);
  const auto is_shard = [](const auto& entry) { return entry.path().extension() == ".safetensors"; };
  const auto shard =
      std::find_if(fs::directory_iterator{checkpoint_}, fs::directory_iterator{}, is_shard)->path();
  flip_last_byte(shard);
  run_nodes(4);
  EXPECT_THAT(node_output(0),
              HasSubstr("differs from " + (expected / shard.filename()).string() + " at its byte "));
}

class cuda_fault_test : public cuda_update_test, public testing::WithParamInterface<const char*> {};

TEST_P(cuda_fault_test, of_a_worker_is_the_engines_failure_and_disturbs_no_later_update) {
  start_engines({}, {"--fault", GetParam(), "--fault-updates", "1"});
  run_nodes(4);
  EXPECT_THAT(node_output(0), HasSubstr(endpoints_[0])) << "the engine is named";
  if (engines_[0]->wait(0ms))
    start_engines({});
  run_nodes(0);
  expect_verified();
}

INSTANTIATE_TEST_SUITE_P(of, cuda_fault_test,
                         testing::Values("handle-error", "bucket-error:middle", "bucket-error:last",
                                         "post-hook-raises", "worker-dies:middle", "die-at:middle"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::ranges::replace_if(
                               name, [](char letter) { return letter == ':' || letter == '-'; }, '_');
                           return name;
                         });

/// Slow enough that a test can step in while buckets are under way.
const arguments slow_engines{"--worker-seconds-per-gib", "200"};

TEST_F(cuda_update_test,
       ends_beside_a_gpu_that_never_ends_what_it_does_and_the_same_command_succeeds_at_once) {
  start_engines({});
  const auto healthy = environment_;
  environment_.push_back("STAND_IN_STUCK_BROADCAST=3");
  run_nodes(1);
  EXPECT_THAT(node_output(0), HasSubstr("something is stuck"));
  environment_ = healthy;
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, after_kill_9_the_same_command_succeeds_at_once) {
  start_engines({}, slow_engines);
  start_nodes();
  reach_the_middle();
  nodes_[0]->send_signal(SIGKILL);
  EXPECT_EQ(end_of(0), -SIGKILL);
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, ends_at_sigterm_and_the_same_command_succeeds_at_once) {
  start_engines({}, slow_engines);
  start_nodes();
  reach_the_middle();
  nodes_[0]->send_signal(SIGTERM);
  EXPECT_EQ(end_of(0), 1) << node_output(0);
  EXPECT_THAT(node_output(0), HasSubstr("interrupted by SIGTERM"));
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, a_host_that_is_killed_ends_the_update_on_the_others) {
  start_engines({2, 1, 1}, slow_engines);
  start_nodes();
  reach_the_middle();
  nodes_[1]->send_signal(SIGKILL);
  EXPECT_EQ(end_of(0), 5) << node_output(0);
  EXPECT_EQ(end_of(1), -SIGKILL);
  run_nodes(0);
  expect_verified();
}

TEST_F(cuda_update_test, says_when_a_gpu_has_too_little_memory) {
  start_engines({});
  environment_.push_back("STAND_IN_GPU_BYTES=1048576");
  run_nodes(1);
  EXPECT_THAT(node_output(0), HasSubstr("for the ring of GPU 0"));
  EXPECT_THAT(node_output(0), HasSubstr("out of memory"));
}

TEST_F(cuda_update_test, says_when_the_nccl_that_is_there_will_not_do) {
  start_engines({});
  for (const auto& [version, why] :
       {std::pair{"21800", "2.18.0, and 2.19.3 or later"}, {"22203", "2.22.3, in which"}}) {
    environment_.push_back(std::string{"STAND_IN_NCCL_VERSION="} + version);
    run_nodes(2);
    EXPECT_THAT(node_output(0), HasSubstr(why));
  }
}

TEST_F(cuda_update_test, says_when_there_are_too_few_gpus) {
  start_engines({});
  environment_.push_back("CUDA_VISIBLE_DEVICES=1");
  run_nodes(2);
  EXPECT_THAT(node_output(0), HasSubstr("GPU 1 is wanted"));
}

} // namespace
} // namespace ckpt::tests
