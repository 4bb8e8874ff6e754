// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/cuda_error.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

TEST(cuda_absence, is_said_in_one_sentence) {
  try {
    const std::uint32_t first[] = {0};
    std::ignore = open_cuda_devices(first);
    GTEST_SKIP() << "this host has a GPU";
  } catch (const cuda_error& error) {
    const std::string why = error.what();
    EXPECT_THAT(why, AnyOf(HasSubstr("no NVIDIA driver"), HasSubstr("no GPU is visible"),
                           HasSubstr("built without CUDA")));
    EXPECT_EQ(std::ranges::count(why, '\n'), 0);
  }
}

} // namespace
} // namespace ckpt::gpu
