// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/update.hpp"

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

TEST(update, a_slot_is_free_once_the_bucket_it_waits_for_is_acknowledged) {
  weights_version version;
  version.plan.buckets.resize(4);
  version.plan.buckets[3].waits_for = 1;
  const update context{{}, {}, std::make_shared<const weights_version>(std::move(version))};
  EXPECT_TRUE(context.slot_is_free(0, 0)) << "nobody was there before";
  EXPECT_FALSE(context.slot_is_free(3, 0));
  EXPECT_FALSE(context.slot_is_free(3, 1)) << "only bucket 0 is acknowledged";
  EXPECT_TRUE(context.slot_is_free(3, 2));
}

TEST(update, takes_no_more_slabs_than_memory_allows_or_its_own_chunks_need) {
  io::bucket_plan plan;
  plan.buckets.resize(2);
  plan.buckets[0].chunks = {0, 100};
  plan.buckets[1].chunks = {100, 140};
  plan.buckets[1].owner = 1;
  EXPECT_EQ(slab_count(1 << 30, plan, 4 << 20, {1, 0, 2, 2}), 140u) << "one host reads for both devices";
  EXPECT_EQ(slab_count(1 << 30, plan, 4 << 20, {2, 1, 1, 1}), 40u);
  EXPECT_EQ(slab_count(64 << 20, plan, 4 << 20, {2, 0, 1, 1}), 16u);
  EXPECT_EQ(slab_count(0, plan, 4 << 20, {}), 1u) << "one always";
  EXPECT_EQ(slab_count(1 << 30, io::bucket_plan{}, 4 << 20, {}), 1u);
}

TEST(meter, counts_bytes_and_only_busy_time) {
  meter stage;
  stage.add_bytes(5);
  stage.add_bytes(7);
  EXPECT_EQ(stage.bytes(), 12u);
  EXPECT_EQ(stage.busy_seconds(), 0);
  stage.set_busy(true);
  stage.set_busy(true);
  EXPECT_EQ(stage.busy_seconds(), 0) << "counted when it ends";
  stage.set_busy(false);
  const auto busy = stage.busy_seconds();
  EXPECT_GT(busy, 0);
  stage.set_busy(false);
  EXPECT_EQ(stage.busy_seconds(), busy);
}

} // namespace
} // namespace ckpt::actors
