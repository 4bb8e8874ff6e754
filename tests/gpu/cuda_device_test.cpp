// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What holds on every host; what needs a GPU is skipped where there is none, and says so.

#include "gpu/cuda_device.hpp"

#include "gpu/cuda_error.hpp"
#include "gpu/nccl_collective.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;

/// Why GPU 0 cannot be used; empty when it can.
std::string refusal() {
  try {
    const std::uint32_t first[] = {0};
    std::ignore = open_cuda_devices(first);
    return {};
  } catch (const cuda_error& error) {
    return error.what();
  }
}

TEST(cuda_device, that_is_not_there_is_refused_in_one_sentence) {
  const auto why = refusal();
  if (why.empty())
    GTEST_SKIP() << "this host has a GPU";
  EXPECT_THAT(why, AnyOf(HasSubstr("no NVIDIA driver"), HasSubstr("no GPU is visible"),
                         HasSubstr("built without CUDA")));
  EXPECT_EQ(std::ranges::count(why, '\n'), 0);
}

class cuda_device_test : public testing::Test {
protected:
  void SetUp() override {
    if (const auto why = refusal(); !why.empty())
      GTEST_SKIP() << why;
    const std::uint32_t first[] = {0};
    devices_ = open_cuda_devices(first);
    device_ = devices_.front().get();
  }

  static queue_progress wait_for(auto& queue, ticket last) {
    queue_progress progress;
    for (int turn = 0; turn < 500 && progress.completed < last && !progress.failure; ++turn)
      progress = queue.wait(progress.completed, 10ms);
    return progress;
  }

  std::vector<std::unique_ptr<device>> devices_;
  device* device_ = nullptr;
};

TEST_F(cuda_device_test, completes_copies_from_pinned_memory_in_the_order_of_their_tickets) {
  constexpr std::size_t unit = 1 << 20;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(4096, 4 * unit));
  std::memset(memory, 7, 4 * unit);
  device_->pin({memory, 4 * unit});
  device_->allocate_ring(3 * unit);
  ticket last = 0;
  for (std::uint64_t turn = 0; turn < 100; ++turn) {
    const copy_piece pieces[] = {{0, turn % 3 * unit, unit / 2}, {unit / 2, turn % 3 * unit + unit / 2, 100}};
    EXPECT_EQ(device_->copy(memory + turn % 4 * unit, pieces), ++last);
  }
  const auto progress = wait_for(*device_, last);
  EXPECT_EQ(progress.completed, last) << (progress.failure ? progress.failure->what : "");
  devices_.clear(); // Before the memory that it has registered.
  std::free(memory);
}

TEST_F(cuda_device_test, exports_a_ring_of_whole_blocks_with_a_new_counter_each_time) {
  device_->allocate_ring(1'000'000);
  const auto first = std::get<exported_cuda_memory>(device_->export_ring());
  EXPECT_EQ(first.ipc_handle.size(), 66u);
  EXPECT_EQ(first.ipc_handle.substr(0, 2), "\x01"
                                           "c");
  EXPECT_EQ(first.bytes, 2u << 20);
  EXPECT_FALSE(device_->is_released());
  const auto second = std::get<exported_cuda_memory>(device_->export_ring());
  EXPECT_EQ(second.ipc_handle, first.ipc_handle);
  EXPECT_NE(second.counter_name, first.counter_name);
}

TEST_F(cuda_device_test, alone_needs_no_broadcast) {
  device_->allocate_ring(1 << 20);
  const auto alone = make_cuda_collective(make_communicators({device_}, 1));
  const auto last = alone->broadcast(0, 0, 1 << 20);
  EXPECT_EQ(wait_for(*alone, last).completed, last);
}

} // namespace
} // namespace ckpt::gpu
