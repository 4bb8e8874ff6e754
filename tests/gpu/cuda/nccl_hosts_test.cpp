// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Broadcasts between two processes, and what becomes of one when the other is lost: on real GPUs, where the
// two share them (NCCL_HOSTID lets them pass for hosts), and on simulated ones (see tests/stand_in). That
// the destructors come back at all is part of every test.

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "gpu/cuda/nccl_library.hpp"
#include "tests/support/broadcasting_host.hpp"
#include "tests/support/gpu_host.hpp"

#include <csignal>
#include <optional>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::broadcast_many;
using tests::gpu_host;
using tests::wait_for;
using tests::wait_for_failure;

constexpr std::uint64_t slot_bytes = 300'000;
constexpr std::uint64_t slots = 5;
constexpr std::uint64_t ring_bytes = slots * slot_bytes;

class nccl_hosts_test : public testing::TestWithParam<std::uint32_t> {
protected:
  void SetUp() override {
    if (static_cast<std::uint32_t>(count_gpus()) < GetParam())
      GTEST_SKIP() << "this host has fewer GPUs";
    try {
      std::ignore = nccl();
    } catch (const cuda_error& error) {
      GTEST_SKIP() << error.what(); // There is no NCCL. All else is a failure.
    }
    host_.emplace(0, GetParam(), 2, ring_bytes);
    here_address_ = here().address();
    other_.emplace(GetParam(), slots, slot_bytes);
  }

  [[nodiscard]] collective& here() { return host_->collective(); }

  void connect_here() { here().connect({0, 2, {}, {}, {}, here_address_}); }
  void connect_there() { other_->connect(here_address_); }

  std::optional<gpu_host> host_;
  std::string here_address_;
  std::optional<tests::broadcasting_host> other_;
};

TEST_P(nccl_hosts_test, none_while_both_hosts_are_there) {
  connect_there();
  connect_here();
  const auto progress = broadcast_many(here(), 40 * slots, slots, slot_bytes);
  EXPECT_FALSE(progress.failure.has_value()) << progress.failure->what;
}

TEST_P(nccl_hosts_test, a_process_that_is_killed_is_a_failure_while_bytes_travel) {
  connect_there();
  connect_here();
  ASSERT_FALSE(broadcast_many(here(), 3 * slots, slots, slot_bytes).failure.has_value());
  other_->process().signal(SIGKILL);
  for (ticket next = 1; next <= 2 * slots; ++next) // More than it can have issued before it died.
    here().broadcast(0, next % slots * slot_bytes, slot_bytes);
  EXPECT_THAT(wait_for_failure(here()), HasSubstr("remote process"));
  EXPECT_EQ(here().wait(0, 0ms).failure->at, here().wait(0, 0ms).completed + 1);
}

TEST_P(nccl_hosts_test, a_process_that_is_killed_is_a_failure_for_the_next_broadcast) {
  connect_there();
  connect_here();
  for (ticket next = 1; next <= slots; ++next)
    here().broadcast(0, next % slots * slot_bytes, slot_bytes);
  ASSERT_EQ(wait_for(here(), slots).completed, slots);
  other_->process().signal(SIGKILL);
  static_cast<void>(other_->process().wait());
  for (ticket next = 1; next <= 2 * slots; ++next) // More than it can have issued before it died.
    here().broadcast(0, next % slots * slot_bytes, slot_bytes);
  EXPECT_THAT(wait_for_failure(here()), HasSubstr("remote process"));
}

TEST_P(nccl_hosts_test, ends_beside_a_process_that_is_stopped_while_bytes_travel) {
  connect_there();
  connect_here();
  ASSERT_FALSE(broadcast_many(here(), 2 * slots, slots, slot_bytes).failure.has_value());
  other_->process().stop();
  for (ticket next = 1; next <= 2 * slots; ++next) // Into slots that may be in use: nobody reads these bytes.
    here().broadcast(0, next % slots * slot_bytes, slot_bytes);
  static_cast<void>(here().wait(4 * slots, 50ms)); // Buffers on the way may hold all of it.
}

TEST_P(nccl_hosts_test, ends_beside_a_process_that_was_stopped_before_it_connected) {
  connect_here();
  other_->process().stop();
  here().broadcast(0, 0, slot_bytes);
  EXPECT_EQ(here().wait(0, 50ms).completed, 0u);
}

TEST_P(nccl_hosts_test, ends_beside_a_process_that_was_killed_before_it_connected) {
  connect_here();
  other_->process().signal(SIGKILL);
  here().broadcast(0, 0, slot_bytes);
  EXPECT_EQ(here().wait(0, 50ms).completed, 0u);
}

INSTANTIATE_TEST_SUITE_P(of, nccl_hosts_test, testing::Values(1, 2), [](const auto& one) {
  return std::to_string(one.param) + (one.param == 1 ? "_gpu" : "_gpus");
});

} // namespace
} // namespace ckpt::gpu
