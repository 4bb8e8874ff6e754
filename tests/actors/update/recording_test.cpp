// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/recording.hpp"

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

TEST(track, has_the_first_begin_and_the_last_end_of_each_part) {
  const auto origin = track::clock::now();
  track stage;
  stage.reserve(3);
  stage.begin(2);
  const auto first = stage.spans(origin).at(0);
  while (track::clock::now() == origin + std::chrono::nanoseconds{first.begin_ns}) {
  }
  stage.begin(2); // Its second chunk.
  stage.end(2);
  const auto once = stage.spans(origin).at(0);
  EXPECT_EQ(once.part, 2u);
  EXPECT_GE(once.begin_ns, 0);
  EXPECT_EQ(once.begin_ns, first.begin_ns);
  EXPECT_GE(once.end_ns, once.begin_ns);
  while (track::clock::now() == origin + std::chrono::nanoseconds{once.end_ns}) {
  }
  stage.end(2);
  EXPECT_GT(stage.spans(origin).at(0).end_ns, once.end_ns);
  EXPECT_EQ(stage.spans(origin).size(), 1u) << "the other two have not begun";
}

TEST(track, ends_a_part_with_its_last_piece) {
  track stage;
  stage.reserve(1);
  stage.begin(0);
  stage.end_piece(0, 2);
  EXPECT_FALSE(stage.spans({}).at(0).is_over);
  stage.end_piece(0, 2);
  EXPECT_TRUE(stage.spans({}).at(0).is_over);
}

TEST(track, tells_of_a_part_that_goes_on) {
  track stage;
  stage.reserve(1);
  stage.begin(0);
  EXPECT_FALSE(stage.spans({}).at(0).is_over);
  stage.end(0);
  EXPECT_TRUE(stage.spans({}).at(0).is_over);
}

TEST(track, leaves_out_what_it_has_no_room_for) {
  track stage;
  stage.begin(0);
  stage.end(0);
  EXPECT_TRUE(stage.spans({}).empty()) << "nobody wants a trace";
  stage.reserve(7, 3);
  for (std::uint32_t part = 0; part < 20; ++part) {
    stage.begin(part);
    stage.end(part);
  }
  const auto spans = stage.spans({});
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0].part, 0u);
  EXPECT_EQ(spans[1].part, 3u);
  EXPECT_EQ(spans[2].part, 6u);
}

/// All spans of buckets that are recorded on all hosts.
[[nodiscard]] std::uint64_t all_spans(std::uint32_t buckets, const cluster_layout& layout) {
  const auto every = recorded_every(buckets, layout);
  const std::uint64_t recorded = (buckets + every - 1) / every;
  return recorded * (2 + layout.hosts * (1 + layout.devices_per_host));
}

TEST(recording, is_bounded_over_all_hosts_together) {
  EXPECT_EQ(recorded_every(0, {1, 0, 1, 1}), 1u);
  EXPECT_EQ(recorded_every(64, {1, 0, 8, 8}), 1u) << "nothing is left out where all have room";
  EXPECT_EQ(recorded_every(4096, {1, 0, 8, 8}), 1u) << "1 TB in buckets of 256 MiB";
  for (const std::uint32_t hosts : {1u, 2u, 7u, 64u, 256u})
    for (const std::uint32_t devices : {1u, 8u})
      for (const std::uint32_t buckets : {1u, 1'000u, 4'096u, 1'000'000u}) {
        const cluster_layout layout{hosts, 0, devices, devices};
        EXPECT_LE(all_spans(buckets, layout), spans_max)
            << hosts << " hosts, " << devices << " devices, " << buckets << " buckets";
        EXPECT_GE(2 * all_spans(buckets, layout), std::min<std::uint64_t>(spans_max, buckets * 4))
            << "far fewer than there is room for";
      }
}

} // namespace
} // namespace ckpt::actors
