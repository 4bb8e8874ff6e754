// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What is there after a run was prepared, and after that failed.

#include "actors/host/host_resources.hpp"

#include "gpu/host/host_device.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(host_resources, have_not_begun_where_a_ring_could_not_be_made) {
  const tests::temporary_directory scratch{std::filesystem::current_path()};
  std::vector<std::unique_ptr<gpu::device>> devices;
  devices.push_back(std::make_unique<gpu::host_device>(0, scratch.path()));
  host_resources resources{std::move(devices), {}};
  io::bucket_plan small, endless;
  small.ring_bytes = 64 << 10;
  endless.ring_bytes = std::uint64_t{1} << 61;
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_THAT([&] { resources.begin_run(endless, 2, 64 << 10); },
                ThrowsMessage<std::runtime_error>(HasSubstr("the largest group")));
    EXPECT_FALSE(resources.has_begun()) << "of memory that it may need, a ring is missing";
    resources.begin_run(small, 2, 64 << 10);
    EXPECT_TRUE(resources.has_begun());
    EXPECT_EQ(resources.slabs().free_count(), 2u);
  }
}

} // namespace
} // namespace ckpt::actors
