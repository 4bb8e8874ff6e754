// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What only simulated GPUs let a test see, or do to them: see tests/stand_in. Workers are processes.

#include "gpu/cuda/cuda_device.hpp"

#include "gpu/cuda/plain_copy.hpp"
#include "tests/stand_in/stand_in.hpp"
#include "tests/support/collective_play.hpp"
#include "tests/support/mapped_memory.hpp"
#include "tests/support/ring_worker.hpp"
#include "tests/support/temporary_directory.hpp"

#include <algorithm>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using stand_in::current_statistics;
using testing::HasSubstr;
using tests::mapped_memory;
using tests::ring_worker;
using tests::wait_for;

constexpr std::uint64_t ring_bytes = 6 << 20;

class cuda_stand_in_test : public testing::Test {
protected:
  void SetUp() override {
    before_ = current_statistics(); // Other tests may have run in this process.
    const std::uint32_t both[] = {0, 1};
    devices_ = open_cuda_devices(both);
    devices_[0]->begin_run(ring_bytes);
  }

  [[nodiscard]] device& gpu() { return *devices_[0]; }

  [[nodiscard]] std::vector<std::byte> ring() {
    std::vector<std::byte> bytes(ring_bytes);
    read_back(gpu(), 0, bytes);
    return bytes;
  }

  /// Copied by this test from memory that CUDA does not know.
  [[nodiscard]] std::uint64_t pageable_bytes() const {
    return current_statistics().pageable_bytes - before_.pageable_bytes;
  }
  /// Of this test, still alive.
  [[nodiscard]] std::uint64_t allocations() const {
    return current_statistics().allocations - before_.allocations;
  }

  std::vector<std::unique_ptr<device>> devices_;
  stand_in::statistics before_;
};

TEST_F(cuda_stand_in_test, tells_of_no_copy_before_it_is_done) {
  const mapped_memory source{1 << 20};
  gpu().pin(source.bytes());
  const copy_piece piece[] = {{0, 0, 1 << 20}};
  stand_in::hold_streams(true);
  for (ticket number = 1; number <= 3; ++number)
    EXPECT_EQ(gpu().copy(source.data(), piece), number);
  EXPECT_EQ(gpu().wait(0, 30ms).completed, 0u);
  stand_in::hold_streams(false);
  EXPECT_EQ(wait_for(gpu(), 3).completed, 3u);
  devices_.clear();
}

TEST_F(cuda_stand_in_test, registers_memory_once_for_all_gpus_and_only_until_they_are_gone) {
  mapped_memory source{64 << 20};
  gpu().pin(source.bytes().subspan(0, 20 << 20));
  gpu().pin(source.bytes().subspan(10 << 20, 40 << 20));
  const auto registrations = current_statistics().registrations;
  EXPECT_GT(registrations, 1u);
  devices_[1]->pin(source.bytes().subspan(0, 50 << 20));
  EXPECT_EQ(current_statistics().registrations, registrations);
  const copy_piece piece[] = {{0, 0, ring_bytes}};
  EXPECT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, 1u);
  EXPECT_EQ(pageable_bytes(), 0u);
  devices_.clear();
  EXPECT_EQ(current_statistics().registrations, 0u);
}

TEST_F(cuda_stand_in_test, keeps_ring_and_registrations_from_run_to_run) {
  mapped_memory source{1 << 20};
  gpu().pin(source.bytes());
  const copy_piece piece[] = {{0, 0, 1 << 20}};
  ASSERT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, 1u);
  const auto* memory = ring_of(gpu()).memory;
  const auto allocated = allocations();
  gpu().end_run();
  gpu().begin_run(ring_bytes);
  EXPECT_EQ(ring_of(gpu()).memory, memory);
  EXPECT_EQ(allocations(), allocated);
  ASSERT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, 1u) << "tickets begin anew";
  EXPECT_EQ(pageable_bytes(), 0u) << "the memory is still registered";
  gpu().unpin(source.bytes());
  static_cast<void>(wait_for(gpu(), gpu().copy(source.data(), piece)));
  EXPECT_EQ(pageable_bytes(), 1u << 20) << "and then no more";
}

TEST_F(cuda_stand_in_test, makes_another_ring_when_a_worker_still_has_the_last_one) {
  static_cast<void>(gpu().export_ring());
  const auto* memory = ring_of(gpu()).memory;
  gpu().end_run();
  gpu().begin_run(ring_bytes);
  EXPECT_NE(ring_of(gpu()).memory, memory);
  EXPECT_TRUE(gpu().is_released()) << "nobody has been told of the new one";
}

/// The pause before each copy: without one the failure is found by looking, with one a later call is answered
/// with it.
class failing_copy_test : public cuda_stand_in_test,
                          public testing::WithParamInterface<std::chrono::milliseconds> {};

TEST_P(failing_copy_test, is_named_and_nothing_is_done_after_it) {
  devices_[1]->begin_run(ring_bytes);
  mapped_memory source{1 << 20};
  source.fill(1);
  gpu().pin(source.bytes());
  stand_in::fail_copy(3);
  ticket last = 0;
  for (std::uint64_t number = 0; number < 5; ++number) {
    std::this_thread::sleep_for(GetParam());
    const copy_piece piece[] = {{0, number << 20, 1 << 20}};
    last = gpu().copy(source.data(), piece);
  }
  const auto progress = wait_for(gpu(), last);
  ASSERT_TRUE(progress.failure.has_value());
  EXPECT_EQ(progress.completed, 2u);
  EXPECT_EQ(progress.failure->at, 3u);
  EXPECT_THAT(progress.failure->what, HasSubstr("GPU 0"));
  EXPECT_THAT(progress.failure->what, HasSubstr("cudaErrorIllegalAddress"));
  const auto found = ring();
  EXPECT_TRUE(
      std::all_of(found.begin() + (2 << 20), found.end(), [](std::byte one) { return one == std::byte{0}; }));
  EXPECT_EQ(devices_[1]->wait(0, 1ms).completed, 0u);
  EXPECT_FALSE(devices_[1]->wait(0, 1ms).failure.has_value()) << "the other GPU has nothing to do with it";
  devices_.clear();
}

INSTANTIATE_TEST_SUITE_P(of, failing_copy_test, testing::Values(0ms, 20ms),
                         [](const auto& each) { return std::to_string(each.param.count()) + "_ms"; });

class worker_test : public cuda_stand_in_test {};

TEST_F(worker_test, that_gave_the_ring_back_lets_it_be_freed) {
  const ring_worker worker;
  ASSERT_EQ(worker.open(gpu()), "open");
  EXPECT_EQ(worker.close(), "closed");
  devices_.clear();
  EXPECT_EQ(allocations(), 0u);
}

TEST_F(worker_test, that_has_the_ring_open_keeps_it_from_being_freed) {
  const ring_worker worker;
  ASSERT_EQ(worker.open(gpu()), "open");
  devices_.clear();
  EXPECT_EQ(allocations(), 1u);
}

TEST_F(worker_test, that_was_killed_keeps_it_from_being_freed) {
  ring_worker worker;
  ASSERT_EQ(worker.open(gpu()), "open");
  worker.kill();
  devices_.clear();
  EXPECT_EQ(allocations(), 1u);
}

TEST_F(worker_test, that_sees_other_gpus_opens_nothing) {
  using variables = std::map<std::string, std::string>;
  const ring_worker elsewhere{variables{{"STAND_IN_HOST", "another host"}}};
  EXPECT_THAT(elsewhere.open(gpu()), HasSubstr("none of the 2 GPUs"));
  const ring_worker beside{variables{{"CUDA_VISIBLE_DEVICES", "1"}}};
  EXPECT_THAT(beside.open(gpu()), HasSubstr("none of the 1 GPUs"));
}

TEST_F(worker_test, finds_its_gpu_whatever_number_it_has_there) {
  devices_[1]->begin_run(ring_bytes);
  const ring_worker worker{std::map<std::string, std::string>{{"CUDA_VISIBLE_DEVICES", "1"}}};
  EXPECT_EQ(worker.open(*devices_[1]), "open");
  EXPECT_EQ(worker.close(), "closed");
}

} // namespace
} // namespace ckpt::gpu
