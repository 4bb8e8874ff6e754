// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What a run finds of the one before it, however that ended.

#include "actors/host/host_resources.hpp"

#include "gpu/host/host_device.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint64_t slab_bytes = 1 << 20;

class host_resources_test : public testing::Test {
protected:
  host_resources_test() {
    std::vector<std::unique_ptr<gpu::device>> devices;
    for (unsigned index = 0; index < 2; ++index) {
      auto device = std::make_unique<gpu::host_device>(index, directory_.path());
      device->keep_ring();
      rings_.push_back(device.get());
      devices.push_back(std::move(device));
    }
    resources_.emplace(std::move(devices), [] { return nullptr; });
    plan_.ring_bytes = 8 << 20;
    plan_.largest.name = "layers.3.experts";
    begin();
    for (const auto& device : resources_->devices())
      static_cast<void>(device->export_ring());
  }

  void begin(std::uint32_t slabs = 4) { resources_->begin_run(plan_, slabs, slab_bytes); }

  /// The memory of all rings, then that of the slabs.
  [[nodiscard]] std::vector<const std::byte*> memory() {
    std::vector<const std::byte*> found;
    for (const auto* ring : rings_)
      found.push_back(ring->ring().data());
    found.push_back(resources_->slabs().memory().data());
    return found;
  }

  tests::temporary_directory directory_{"/dev/shm"};
  std::vector<const gpu::host_device*> rings_;
  std::optional<host_resources> resources_;
  io::bucket_plan plan_;
};

TEST_F(host_resources_test, are_kept_by_a_run_that_needs_no_more) {
  const auto first = memory();
  plan_.ring_bytes /= 2;
  begin(3);
  EXPECT_EQ(memory(), first);
}

TEST_F(host_resources_test, are_made_anew_by_a_run_that_needs_more) {
  begin(5);
  EXPECT_EQ(resources_->slabs().count(), 5u);
  plan_.ring_bytes *= 2;
  begin(5);
  for (const auto* ring : rings_)
    EXPECT_GE(ring->ring().size(), plan_.ring_bytes);
}

TEST_F(host_resources_test, take_back_what_a_run_that_failed_still_had) {
  const auto first = memory();
  ASSERT_TRUE(resources_->slabs().take().has_value());
  begin();
  EXPECT_EQ(memory(), first);
  EXPECT_EQ(resources_->slabs().free_count(), 4u);
}

TEST_F(host_resources_test, do_not_include_slabs_that_a_read_may_still_write_to) {
  const auto first = memory();
  resources_->slabs().abandon();
  begin();
  EXPECT_NE(memory().back(), first.back());
  EXPECT_EQ(memory().front(), first.front()) << "the rings stay";
  EXPECT_FALSE(resources_->slabs().is_abandoned());
}

TEST_F(host_resources_test, have_not_begun_where_a_ring_could_not_be_made) {
  auto endless = plan_;
  endless.ring_bytes = std::uint64_t{1} << 61;
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_THAT([&] { resources_->begin_run(endless, 4, slab_bytes); },
                ThrowsMessage<std::runtime_error>(HasSubstr(plan_.largest.name)));
    EXPECT_FALSE(resources_->has_begun()) << "of memory that it may need, a ring is missing";
    begin();
    EXPECT_TRUE(resources_->has_begun());
    EXPECT_EQ(resources_->slabs().free_count(), 4u);
  }
}

} // namespace
} // namespace ckpt::actors
