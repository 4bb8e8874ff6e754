// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Updates of engines on GPUs that succeed: shapes of clusters, what they take and give back, and checkpoints
// in memory.

#include "tests/gpu/cuda/cuda_update_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class cuda_update_shapes : public cuda_update_test, public testing::WithParamInterface<shape> {};

TEST_P(cuda_update_shapes, brings_every_tensor_bit_for_bit) {
  environment_.push_back("STAND_IN_DELAY_US=500");
  start_engines(GetParam());
  run_nodes(0);
  expect_verified();
  for (unsigned host = 0; host < shape_.hosts; ++host) {
    EXPECT_EQ(node_statistics(host).contexts, shape_.gpus);
    EXPECT_EQ(engine_statistics(host).contexts, shape_.gpus) << "one for each worker";
  }
  EXPECT_EQ(connect_seconds() > 0, shape_.hosts * shape_.gpus > 1) << connect_seconds();
}

INSTANTIATE_TEST_SUITE_P(of, cuda_update_shapes,
                         testing::Values(shape{1, 1, 1}, shape{1, 2, 2}, shape{1, 2, 1}, shape{2, 1, 1},
                                         shape{2, 2, 2}, shape{2, 2, 1}, shape{3, 1, 1}),
                         [](const auto& one) {
                           return std::to_string(one.param.hosts) + "_hosts_of_"
                                  + std::to_string(one.param.gpus) + "_gpus_for_engines_of_"
                                  + std::to_string(one.param.workers);
                         });

TEST_F(cuda_update_test, gives_back_all_that_it_took) {
  start_engines({});
  for (int update = 0; update < 2; ++update) {
    run_nodes(0);
    expect_verified();
    expect_clean();
  }
}

/// Two processes on one machine with two GPUs, as torchrun starts them.
class process_per_gpu_test : public cuda_update_test {
protected:
  void update() {
    is_one_machine_ = true;
    start_engines({2, 1, 1});
    run_nodes(0);
    expect_verified();
    for (unsigned process = 0; process < 2; ++process)
      EXPECT_EQ(node_statistics(process).contexts, 1u) << "process " << process;
  }

  bool sees_all_ = true;

private:
  [[nodiscard]] arguments engine_variables(unsigned process) const override {
    return {"CUDA_VISIBLE_DEVICES=" + std::to_string(process)};
  }
  [[nodiscard]] arguments launcher_variables(unsigned process, const std::string& port) const override {
    const auto number = std::to_string(process);
    arguments variables{"RANK=" + number,     "WORLD_SIZE=2",          "LOCAL_RANK=" + number,
                        "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port};
    if (!sees_all_)
      append(variables, engine_variables(process));
    return variables;
  }
};

TEST_F(process_per_gpu_test, takes_memory_of_its_own_gpu_alone) { update(); }

TEST_F(process_per_gpu_test, finds_the_one_that_it_is_shown_alone) {
  sees_all_ = false;
  update();
}

TEST_F(cuda_update_test, copies_a_checkpoint_in_memory_through_staging) {
  const temporary_directory memory{"/dev/shm"};
  checkpoint_ = write_small_checkpoint(memory.path(), gpu_checkpoint_bytes);
  start_engines({});
  run_nodes(0);
  expect_verified();
  expect_clean();
  const auto report = read_report(log("report", 0));
  EXPECT_EQ(report.at("stages").at("disk").at("in_place_bytes").to_number<std::uint64_t>(), 0u);
}

} // namespace
} // namespace ckpt::tests
