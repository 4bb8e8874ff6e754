// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The plan is checked against its definition: a plan is right when replaying it moves every byte of every
// tensor to its place, never into a slot that somebody still reads.

#include "io/plan/bucket_plan.hpp"

#include "io/plan/plan_digest.hpp"
#include "io/read/source_file.hpp"
#include "tests/io/plan/plan_checks.hpp"

#include <algorithm>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

struct shape_of_file {
  std::uint64_t data_offset = 4096;
  std::vector<std::pair<dtype, std::uint64_t>> tensors; ///< type and bytes
};

checkpoint make_checkpoint(const std::vector<shape_of_file>& files) {
  checkpoint made;
  made.path = "/checkpoint";
  for (std::size_t file = 0; file < files.size(); ++file) {
    auto offset = files[file].data_offset;
    for (const auto& [type, bytes] : files[file].tensors) {
      const auto name = "t" + std::to_string(made.tensors.size());
      made.tensors.push_back({name, type, {bytes}, static_cast<std::uint32_t>(file), {offset, bytes}});
      made.tensor_bytes += bytes;
      offset += bytes;
    }
    checkpoint_file entry;
    entry.path = "/checkpoint/f" + std::to_string(file);
    entry.bytes = offset;
    entry.data_offset = files[file].data_offset;
    made.files.push_back(entry);
  }
  return made;
}

TEST(bucket_plan, moves_every_byte_of_random_checkpoints_to_its_place) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const auto up_to = [&](std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>{0, limit}(random);
  };
  for (int round = 0; round < 60; ++round) {
    std::vector<shape_of_file> files(1 + up_to(4));
    for (auto& file : files) {
      file.data_offset = 8 + up_to(9000);
      const auto count = 1 + up_to(40);
      for (std::uint64_t index = 0; index < count; ++index) {
        const dtype types[] = {dtype::u8,  dtype::bf16,    dtype::f32, dtype::f64,
                               dtype::c64, dtype::f8_e4m3, dtype::f4};
        const auto type = types[up_to(std::size(types) - 1)];
        const auto elements = up_to(9) == 0 ? up_to(20'000) : up_to(600);
        file.tensors.emplace_back(type, elements * std::max(1u, bits(type) / 8));
      }
    }
    const auto source = make_checkpoint(files);
    const plan_options options{page_bytes * (1 + up_to(12)),
                               page_bytes * (1 + up_to(5)),
                               static_cast<std::uint32_t>(1 + up_to(7)),
                               1,
                               {}};
    const auto plan = plan_buckets(source, options);
    ASSERT_NO_FATAL_FAILURE(check_shape(source, plan, options));
    ASSERT_NO_FATAL_FAILURE(check_lists(source, plan, options));
    for (const auto& bucket : plan.buckets)
      ASSERT_TRUE(bucket.slot_bytes <= plan.bucket_bytes || bucket.tensors.size() == 1u);
    ASSERT_NO_FATAL_FAILURE(check_slots(plan));
    ASSERT_NO_FATAL_FAILURE(check_copies(source, plan));
    ASSERT_NO_FATAL_FAILURE(replay(source, plan));
  }
}

TEST(bucket_plan, keeps_the_files_layout_in_one_copy_per_chunk_when_everything_is_aligned) {
  const auto source =
      make_checkpoint({{4096, {{dtype::f32, 40'000}, {dtype::f32, 4'000}, {dtype::bf16, 20'000}}}});
  const auto plan = plan_buckets(source, {1 << 20, 16'384, 1});
  ASSERT_EQ(plan.buckets.size(), 1u);
  EXPECT_EQ(plan.copies.size(), plan.chunks.size());
  EXPECT_EQ(plan.tensors[1].bucket_offset, 40'000u);
  EXPECT_EQ(plan.read_bytes, align_up(64'000, page_bytes));
}

TEST(bucket_plan, moves_only_a_tensor_that_would_be_misaligned) {
  const auto source = make_checkpoint({{4096, {{dtype::u8, 3}, {dtype::f32, 8}, {dtype::u8, 5}}}});
  const auto plan = plan_buckets(source, {1 << 20, 16'384, 1});
  EXPECT_EQ(plan.tensors[0].bucket_offset, 0u);
  EXPECT_EQ(plan.tensors[1].bucket_offset, 4u);
  EXPECT_EQ(plan.tensors[2].bucket_offset, 12u);
  ASSERT_EQ(plan.chunks.size(), 1u) << "the window is read once";
  EXPECT_EQ(plan.copies.size(), 2u);
}

TEST(bucket_plan, lets_small_files_share_a_bucket) {
  const auto source = make_checkpoint(std::vector<shape_of_file>(10, {100, {{dtype::u8, 1000}}}));
  EXPECT_EQ(plan_buckets(source, {1 << 20, 16'384, 1}).buckets.size(), 1u);
}

TEST(bucket_plan, gives_a_tensor_larger_than_a_bucket_one_of_its_own) {
  const auto source = make_checkpoint({{4096, {{dtype::u8, 100}, {dtype::u8, 50'000}, {dtype::u8, 100}}}});
  const auto plan = plan_buckets(source, {8192, 4096, 1});
  ASSERT_EQ(plan.buckets.size(), 3u);
  EXPECT_EQ(plan.buckets[1].tensor_bytes, 50'000u);
}

TEST(bucket_plan, takes_no_more_device_memory_than_the_largest_tensor_and_two_buckets) {
  std::vector<std::pair<dtype, std::uint64_t>> tensors(200, {dtype::u8, 3000});
  tensors[100].second = 100'000;
  const auto source = make_checkpoint({{4096, tensors}});
  const auto plan = plan_buckets(source, {16'384, 4096, 1});
  EXPECT_LE(plan.ring_bytes, 100'000 + 2 * 16'384 + 2 * page_bytes);
  // And it is enough for two buckets to be in flight: none waits for its immediate predecessor but around the
  // big one.
  for (std::uint32_t index = 1; index < plan.buckets.size(); ++index)
    if (plan.buckets[index].tensor_bytes < 50'000 && plan.buckets[index - 1].tensor_bytes < 50'000
        && plan.buckets[index].waits_for) {
      EXPECT_LT(*plan.buckets[index].waits_for, index - 1);
    }
}

TEST(bucket_plan, splits_the_bytes_over_the_ranks_to_within_one_bucket) {
  std::mt19937 random{7};
  std::vector<std::pair<dtype, std::uint64_t>> tensors;
  for (int index = 0; index < 3000; ++index)
    tensors.emplace_back(dtype::u8, random() % 9000);
  const auto source = make_checkpoint({{4096, tensors}});
  const auto plan = plan_buckets(source, {32'768, 4096, 7});
  std::vector<std::uint64_t> bytes(7);
  for (const auto& bucket : plan.buckets)
    bytes[bucket.owner] += bucket.tensor_bytes;
  EXPECT_LE(*std::ranges::max_element(bytes) - *std::ranges::min_element(bytes), 32'768u);
}

TEST(bucket_plan, keeps_empty_tensors_and_plans_a_checkpoint_of_nothing_else) {
  const auto source = make_checkpoint({{100, {{dtype::f32, 0}, {dtype::u8, 0}}}});
  const auto plan = plan_buckets(source, {8192, 4096, 2});
  ASSERT_EQ(plan.buckets.size(), 1u);
  EXPECT_EQ(plan.buckets[0].tensors.size(), 2u);
  EXPECT_TRUE(plan.chunks.empty());
  EXPECT_GT(plan.ring_bytes, 0u);
}

TEST(bucket_plan, chooses_buckets_between_16_and_256_mib_by_the_size_of_the_checkpoint) {
  const auto bucket_bytes = [](std::uint64_t bytes) {
    checkpoint source;
    source.tensor_bytes = bytes;
    return plan_buckets(source, {}).bucket_bytes;
  };
  EXPECT_EQ(bucket_bytes(0), 16ull << 20);
  EXPECT_EQ(bucket_bytes(8ull << 30), 128ull << 20);
  EXPECT_EQ(bucket_bytes(690ull << 30), 256ull << 20);
}

TEST(bucket_plan, refuses_sizes_that_are_not_whole_pages) {
  const checkpoint source;
  EXPECT_THROW(static_cast<void>(plan_buckets(source, {1000, 4096, 1})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(plan_buckets(source, {4096, 0, 1})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(plan_buckets(source, {4096, 4096, 0})), std::invalid_argument);
}

TEST(bucket_plan, rotates_the_owner_over_the_hosts_before_it_comes_back_to_a_second_device) {
  std::vector<shape_of_file> files{{4096, {}}};
  for (int tensor = 0; tensor < 8; ++tensor)
    files[0].tensors.push_back({dtype::u8, 4096});
  const auto plan = plan_buckets(make_checkpoint(files), {4096, 4096, 6, 2});
  std::vector<std::uint32_t> owners;
  for (const auto& bucket : plan.buckets)
    owners.push_back(bucket.owner);
  EXPECT_THAT(owners, testing::ElementsAre(0, 2, 4, 1, 3, 5, 0, 2));
}

TEST(bucket_plan, wants_as_many_ranks_on_each_host) {
  EXPECT_THROW(static_cast<void>(plan_buckets(make_checkpoint({}), {4096, 4096, 3, 2})),
               std::invalid_argument);
}

TEST(bucket_plan, digest_changes_with_whatever_hosts_must_agree_on) {
  const std::vector<shape_of_file> files{{4096, {{dtype::f32, 400}, {dtype::bf16, 20}}}};
  const auto base = make_checkpoint(files);
  const plan_options options{8192, 4096, 2};
  const auto digest_of = [&](checkpoint source) { return digest(source, plan_buckets(source, options)); };
  EXPECT_EQ(digest_of(base), digest_of(make_checkpoint(files)));
  auto other_name = base;
  other_name.tensors[0].name = "other";
  auto other_type = base;
  other_type.tensors[0].type = dtype::i32;
  auto other_size = base;
  other_size.files[0].bytes += 1;
  auto other_directory = base;
  other_directory.files[0].path = "/elsewhere/f0";
  EXPECT_NE(digest_of(base), digest_of(other_name));
  EXPECT_NE(digest_of(base), digest_of(other_type));
  EXPECT_NE(digest_of(base), digest_of(other_size));
  EXPECT_EQ(digest_of(base), digest_of(other_directory))
      << "hosts may mount the checkpoint in different places";
}

} // namespace
} // namespace ckpt::io
