// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Plans for checkpoints whose groups are scattered: over a file, over files, between each other.

#include "io/extent.hpp"
#include "io/plan/bucket_plan.hpp"
#include "io/plan/plan_digest.hpp"
#include "tests/io/plan/plan_checks.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

class dice {
public:
  explicit dice(std::uint32_t seed) : random_{seed} {}
  std::uint64_t up_to(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>{0, limit}(random_);
  }
  template <class Items>
  const auto& one_of(const Items& items) {
    return items[up_to(std::size(items) - 1)];
  }
  std::mt19937& engine() { return random_; }

private:
  std::mt19937 random_;
};

/// Names that models have, and names that none has yet.
std::string random_name(dice& random) {
  static const std::vector<std::string> tops{
      "model.layers.", "visual.blocks.", "vision_tower.a.layers.", "h.", "llm.model.layers.", ""};
  static const std::vector<std::string> modules{"self_attn.q_a_proj",
                                                "self_attn.kv_a_proj_with_mqa",
                                                "self_attn.indexer.wk",
                                                "self_attn.indexer.weights_proj",
                                                "attn.compressor.wkv",
                                                "attn.compressor.wgate",
                                                "attn.wq_a",
                                                "Attention.out.0",
                                                "linear_attn",
                                                "cross_attn.k",
                                                "mlp.gate_proj",
                                                "mlp.up_proj",
                                                "mlp.down_proj",
                                                "mixer.q_a_proj",
                                                "mixer.kv_a_proj_with_mqa",
                                                "mlp.experts.0.gate_proj",
                                                "mlp.experts.1.up_proj",
                                                "input_layernorm",
                                                "x.y.z",
                                                "mlp.experts"};
  static const std::vector<std::string> parameters{"weight", "weight_scale_inv", "bias",  "qzeros",
                                                   "scales", "weight_packed",    "A_log", "1"};
  if (random.up_to(15) == 0)
    return "alone" + std::to_string(random.up_to(99));
  return random.one_of(tops) + std::to_string(random.up_to(3)) + "." + random.one_of(modules) + "."
         + random.one_of(parameters);
}

struct entry {
  std::string name;
  dtype type = dtype::u8;
  std::uint64_t bytes = 0;
};

checkpoint put_into_files(const std::vector<entry>& entries, std::size_t files, dice& random) {
  checkpoint made;
  made.path = "/checkpoint";
  std::vector<std::vector<entry>> cut(files);
  for (const auto& each : entries)
    cut[random.up_to(files - 1)].push_back(each);
  for (auto& contents : cut) {
    if (contents.empty())
      continue;
    std::ranges::shuffle(contents, random.engine());
    checkpoint_file file;
    file.path = "/checkpoint/model-" + std::to_string(made.files.size()) + ".safetensors";
    file.data_offset = 8 + random.up_to(9000);
    auto offset = file.data_offset;
    for (const auto& each : contents) {
      made.tensors.push_back({each.name,
                              each.type,
                              {each.bytes},
                              static_cast<std::uint32_t>(made.files.size()),
                              {offset, each.bytes}});
      made.tensor_bytes += each.bytes;
      offset += each.bytes;
    }
    file.bytes = offset;
    made.files.push_back(std::move(file));
  }
  return made;
}

checkpoint random_checkpoint(dice& random) {
  static const std::vector<dtype> types{dtype::u8,  dtype::bf16,    dtype::f32, dtype::f64,
                                        dtype::c64, dtype::f8_e4m3, dtype::i32};
  std::set<std::string> names;
  const auto count = 1 + random.up_to(150);
  while (names.size() < count)
    names.insert(random_name(random));
  std::vector<entry> entries;
  for (const auto& name : names) {
    const auto type = random.one_of(types);
    const auto elements = random.up_to(9) == 0 ? random.up_to(20'000) : random.up_to(600);
    entries.push_back({name, type, elements * std::max(1u, bits(type) / 8)});
  }
  return put_into_files(entries, 1 + random.up_to(6), random);
}

TEST(grouped_plan, moves_every_byte_to_its_place_and_splits_no_group) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  dice random{seed};
  for (int round = 0; round < 120; ++round) {
    const auto source = random_checkpoint(random);
    const plan_options options{page_bytes * (1 + random.up_to(40)),
                               page_bytes * (1 + random.up_to(5)),
                               static_cast<std::uint32_t>(1 + random.up_to(7)),
                               1,
                               {}};
    const auto plan = plan_buckets(source, options);
    ASSERT_NO_FATAL_FAILURE(check_shape(source, plan, options));
    ASSERT_NO_FATAL_FAILURE(check_lists(source, plan, options));
    ASSERT_NO_FATAL_FAILURE(check_groups(source, plan, bonds_of(source)));
    ASSERT_NO_FATAL_FAILURE(check_slots(plan));
    ASSERT_NO_FATAL_FAILURE(check_copies(source, plan));
    ASSERT_NO_FATAL_FAILURE(replay(source, plan));
  }
}

/// How many groups are in `bucket`.
std::size_t groups_in(const checkpoint& source, const bucket_plan& plan, const planned_bucket& bucket,
                      const std::vector<tensor_group>& groups) {
  std::set<std::string> names;
  for (const auto& placed : plan.tensors_of(bucket))
    names.insert(source.tensors[placed.tensor].name);
  return static_cast<std::size_t>(std::ranges::count_if(groups, [&](const tensor_group& group) {
    return names.count(source.tensors[group.tensors.front()].name) > 0;
  }));
}

TEST(grouped_plan, makes_a_bucket_larger_only_for_a_group_that_is_larger) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  dice random{seed};
  for (int round = 0; round < 40; ++round) {
    const auto source = random_checkpoint(random);
    const auto groups = group_tensors(source.tensors, {}).groups;
    const auto plan = plan_buckets(source, {page_bytes * (1 + random.up_to(40)), page_bytes});
    ASSERT_EQ(plan.group_count, groups.size());
    std::uint64_t largest_slot = 0;
    for (const auto& bucket : plan.buckets) {
      if (bucket.slot_bytes > plan.bucket_bytes) {
        ASSERT_EQ(groups_in(source, plan, bucket, groups), 1u);
      }
      largest_slot = std::max(largest_slot, bucket.slot_bytes);
    }
    ASSERT_LE(plan.ring_bytes, std::max(largest_slot, plan.bucket_bytes) + 2 * plan.bucket_bytes);
  }
}

std::vector<std::string> names_in(const checkpoint& source, std::span<const placed_tensor> list) {
  std::vector<std::string> names;
  for (const auto& placed : list)
    names.push_back(source.tensors[placed.tensor].name);
  return names;
}

TEST(grouped_plan, does_not_depend_on_the_order_of_tensors_in_a_file_for_its_lists) {
  dice random{11};
  const std::vector<entry> entries{{"l.0.self_attn.kv_b_proj.weight", dtype::f8_e4m3, 9000},
                                   {"l.0.self_attn.kv_b_proj.weight_scale_inv", dtype::f32, 40},
                                   {"l.0.self_attn.a.weight", dtype::bf16, 20}};
  for (int round = 0; round < 10; ++round) {
    const auto source = put_into_files(entries, 1, random);
    const auto plan = plan_buckets(source, {4096, 4096});
    ASSERT_EQ(plan.buckets.size(), 1u);
    EXPECT_THAT(names_in(source, plan.tensors_of(plan.buckets[0])),
                testing::ElementsAre("l.0.self_attn.a.weight", "l.0.self_attn.kv_b_proj.weight",
                                     "l.0.self_attn.kv_b_proj.weight_scale_inv"));
  }
}

TEST(grouped_plan, puts_a_weight_before_its_scale_also_when_that_is_in_an_earlier_file) {
  checkpoint made;
  made.files.resize(2);
  made.files[0].path = "/checkpoint/1";
  made.files[1].path = "/checkpoint/2";
  made.files[0].bytes = made.files[1].bytes = 9000;
  made.tensors = {{"lm_head.weight", dtype::u8, {100}, 0, {4096, 100}},
                  {"m.0.k.weight_scale_inv", dtype::u8, {4}, 0, {4196, 4}},
                  {"m.0.z.weight", dtype::u8, {4}, 0, {4200, 4}},
                  {"a.weight", dtype::u8, {4}, 1, {4096, 4}},
                  {"m.0.k.weight", dtype::u8, {100}, 1, {4100, 100}}};
  made.tensor_bytes = 212;
  const auto plan = plan_buckets(made, {1 << 20, 4096});
  ASSERT_EQ(plan.buckets.size(), 1u);
  EXPECT_THAT(names_in(made, plan.tensors_of(plan.buckets[0])),
              testing::ElementsAre("lm_head.weight", "m.0.k.weight", "m.0.k.weight_scale_inv", "m.0.z.weight",
                                   "a.weight"));
}

TEST(grouped_plan, puts_no_other_tensor_between_those_of_a_group_that_spans_files) {
  checkpoint made;
  made.files.resize(2);
  made.files[0].path = "/checkpoint/1";
  made.files[1].path = "/checkpoint/2";
  made.files[0].bytes = made.files[1].bytes = 9000;
  made.tensors = {{"model.k.weight", dtype::u8, {100}, 0, {4096, 100}},
                  {"lm_head.weight", dtype::u8, {100}, 1, {4096, 100}},
                  {"model.k.weight_scale_inv", dtype::u8, {4}, 1, {4196, 4}}};
  made.tensor_bytes = 204;
  const auto plan = plan_buckets(made, {1 << 20, 4096});
  ASSERT_EQ(plan.buckets.size(), 1u);
  EXPECT_THAT(names_in(made, plan.tensors_of(plan.buckets[0])),
              testing::ElementsAre("model.k.weight", "model.k.weight_scale_inv", "lm_head.weight"));
}

/// Scales of four bytes at the start of the file, weights behind them.
checkpoint scales_and_weights(std::uint64_t modules) {
  checkpoint made;
  std::uint64_t offset = 4096;
  for (const auto& [parameter, bytes] : {std::pair{".scale", 4ull}, std::pair{".weight", 40'960ull}})
    for (std::uint64_t module = 0; module < modules; ++module) {
      made.tensors.push_back({"m" + std::to_string(1000 + module) + parameter,
                              bytes == 4 ? dtype::f32 : dtype::f8_e4m3,
                              {bytes},
                              0,
                              {offset, bytes}});
      made.tensor_bytes += bytes;
      offset += bytes;
    }
  made.files.emplace_back();
  made.files[0].bytes = offset;
  return made;
}

TEST(grouped_plan, reads_the_scales_of_neighbouring_weights_in_one_window) {
  const auto source = scales_and_weights(100);
  const auto plan = plan_buckets(source, {10 * 40'960 + 2 * page_bytes, 4 << 20});
  ASSERT_EQ(plan.buckets.size(), 10u);
  for (const auto& bucket : plan.buckets)
    EXPECT_LE(bucket.chunks.size(), 2u);
}

TEST(grouped_plan, reads_a_small_gap_along_and_leaves_out_a_large_one) {
  const auto chunks = [](std::uint64_t gap) {
    checkpoint made;
    made.files.emplace_back();
    made.files[0].bytes = 4096 + 100 + gap + 100;
    made.tensors = {{"m.a", dtype::u8, {100}, 0, {4096, 100}},
                    {"other", dtype::u8, {gap}, 0, {4196, gap}},
                    {"m.b", dtype::u8, {100}, 0, {4196 + gap, 100}}};
    const auto plan = plan_buckets(made, {4096, 4 << 20});
    for (const auto& bucket : plan.buckets)
      if (bucket.tensors.size() == 2)
        return bucket.chunks.size();
    return std::uint32_t{0};
  };
  EXPECT_EQ(chunks(1000), 1u);
  EXPECT_EQ(chunks(100'000), 2u);
}

TEST(grouped_plan, names_the_largest_group_and_says_what_was_divided) {
  checkpoint made;
  made.files.emplace_back();
  constexpr std::uint64_t gib = 1ull << 30;
  made.files[0].bytes = 4096 + 2 * gib + 10;
  made.tensors = {{"l.0.self_attn.q.weight", dtype::u8, {gib}, 0, {4096, gib}},
                  {"l.0.self_attn.q.scale", dtype::u8, {10}, 0, {4096 + gib, 10}},
                  {"l.0.self_attn.v.weight", dtype::u8, {gib}, 0, {4106 + gib, gib}}};
  made.tensor_bytes = 2 * gib + 10;
  const auto plan = plan_buckets(made, {});
  EXPECT_EQ(plan.largest.name, "l.0.self_attn.q");
  EXPECT_EQ(plan.largest.bytes, gib + 10);
  EXPECT_EQ(plan.group_count, 2u);
  ASSERT_EQ(plan.divided.size(), 1u);
  EXPECT_EQ(plan.divided[0].name, "l.0.self_attn");
}

TEST(grouped_plan, digest_changes_with_what_the_user_keeps_together) {
  const auto source = scales_and_weights(10);
  const auto digest_with = [&](std::vector<std::string> patterns) {
    return digest(source, plan_buckets(source, {4096, 4096, 1, 1, std::move(patterns)}));
  };
  EXPECT_NE(digest_with({}), digest_with({"{m1001,m1004}"}));
}

TEST(grouped_plan, refuses_patterns_that_mean_nothing_here) {
  const auto source = scales_and_weights(2);
  EXPECT_THROW(static_cast<void>(plan_buckets(source, {4096, 4096, 1, 1, {"{m1"}})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(plan_buckets(source, {4096, 4096, 1, 1, {"nobody"}})),
               std::invalid_argument);
}

} // namespace
} // namespace ckpt::io
