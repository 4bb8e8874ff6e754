// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/tensor_groups.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;
using names = std::set<std::string>;

constexpr std::uint64_t gib = 1ull << 30;

struct sized {
  std::string name;
  std::uint64_t bytes = 16;
};

std::vector<checkpoint_tensor> table_of(const std::vector<sized>& entries) {
  std::vector<checkpoint_tensor> tensors;
  std::uint64_t offset = 8;
  for (const auto& entry : entries) {
    tensors.push_back({entry.name, dtype::u8, {entry.bytes}, 0, {offset, entry.bytes}});
    offset += entry.bytes;
  }
  return tensors;
}

/// The groups, by the names in them.
std::vector<names> group(const std::vector<sized>& entries, const std::vector<std::string>& patterns = {}) {
  const auto tensors = table_of(entries);
  const std::vector<name_pattern> rows(patterns.begin(), patterns.end());
  std::vector<names> found;
  for (const auto& each : group_tensors(tensors, rows).groups) {
    EXPECT_TRUE(std::ranges::is_sorted(each.tensors));
    names members;
    for (const auto index : each.tensors)
      members.insert(tensors[index].name);
    found.push_back(std::move(members));
  }
  return found;
}

std::vector<names> group_names(const std::vector<std::string>& all) {
  std::vector<sized> entries;
  for (const auto& name : all)
    entries.push_back({name});
  return group(entries);
}

TEST(tensor_groups, keeps_the_tensors_of_a_module_together) {
  EXPECT_THAT(group_names({"a.x.weight_scale_inv", "a.y.weight", "a.x.weight"}),
              ElementsAre(names{"a.x.weight_scale_inv", "a.x.weight"}, names{"a.y.weight"}));
  EXPECT_EQ(group_names({"a.qweight", "a.qzeros", "a.scales", "a.g_idx"}).size(), 1u);
  EXPECT_EQ(group_names({"a.weight_packed", "a.weight_scale", "a.weight_shape"}).size(), 1u);
}

TEST(tensor_groups, leaves_names_without_a_path_alone) {
  EXPECT_EQ(group_names({"one", "two", "lm_head.weight"}).size(), 3u);
}

TEST(tensor_groups, keeps_everything_below_an_attention_module_together) {
  for (const std::string module : {"model.layers.3.self_attn", "blocks.3.attn", "h.3.attention",
                                   "l.3.linear_attn", "decoder.3.cross_attn", "encoder.block.0.SelfAttention",
                                   "l.3.self_attention", "vision_tower.encoder.layers.3.self_attn"}) {
    EXPECT_THAT(
        group_names({module + ".q.weight", "other.weight", module + ".indexer.compressor.wkv.weight",
                     module + ".sinks"}),
        ElementsAre(names{module + ".q.weight", module + ".indexer.compressor.wkv.weight", module + ".sinks"},
                    names{"other.weight"}))
        << module;
  }
}

TEST(tensor_groups, takes_the_outermost_attention_module) {
  EXPECT_EQ(group_names({"l.0.attention.self_attn.q.weight", "l.0.attention.output.weight"}).size(), 1u);
  EXPECT_EQ(group_names({"l.0.self_attn.0.q_a_proj.weight", "l.0.self_attn.1.q_a_proj.weight"}).size(), 1u);
}

TEST(tensor_groups, keeps_layers_and_experts_apart) {
  EXPECT_EQ(
      group_names({"l.1.self_attn.q.weight", "l.11.self_attn.q.weight", "l.1.self_attn_norm.weight",
                   "l.1.mlp.experts.0.gate_proj.weight", "l.1.mlp.experts.0.up_proj.weight",
                   "l.1.mlp.experts.1.gate_proj.weight", "l.1.mlp.gate.weight", "l.1.mlp.down_proj.weight"})
          .size(),
      8u);
}

TEST(tensor_groups, knows_what_engines_combine) {
  EXPECT_EQ(group_names({"l.0.mixer.q_a_proj.weight", "l.0.mixer.kv_a_proj_with_mqa.weight_scale_inv",
                         "l.0.mixer.kv_a_proj_with_mqa.weight"})
                .size(),
            1u);
  EXPECT_EQ(group_names({"l.0.indexer.wk.weight", "l.0.indexer.weights_proj.weight"}).size(), 1u);
  EXPECT_EQ(group_names({"l.0.x.wq_a.weight", "l.0.x.wkv.scale"}).size(), 1u);
  EXPECT_EQ(group_names({"l.0.compressor.wkv.weight", "l.0.compressor.wgate.weight"}).size(), 1u);
  EXPECT_EQ(group_names({"visual.blocks.3.mlp.gate_proj.bias", "visual.blocks.3.mlp.up_proj.weight"}).size(),
            1u);
  for (const auto& row : known_combinations()) {
    EXPECT_NO_THROW(name_pattern{row.pattern});
    EXPECT_FALSE(row.engine.empty());
    EXPECT_FALSE(row.models.empty());
  }
}

TEST(tensor_groups, takes_rows_from_the_user_and_joins_groups_that_share_a_tensor) {
  EXPECT_EQ(
      group({{"l.0.left.weight"}, {"l.0.left.scale"}, {"l.0.right.weight"}, {"l.1.left.weight"}},
            {"*.{left,right}"}),
      (std::vector<names>{{"l.0.left.weight", "l.0.left.scale", "l.0.right.weight"}, {"l.1.left.weight"}}));
  EXPECT_EQ(group({{"a.weight"}, {"b.weight"}, {"c.weight"}}, {"{a,b}", "{b,c}"}).size(), 1u);
}

TEST(tensor_groups, refuses_a_row_that_protects_nothing) {
  EXPECT_THROW(static_cast<void>(group({{"a.weight"}}, {"model.layers"})), std::invalid_argument);
}

TEST(tensor_groups, divides_only_what_attention_alone_binds_and_only_where_it_is_huge) {
  const std::vector<sized> giant{{"l.0.attn.k_proj.weight", gib / 4},
                                 {"l.0.attn.k_proj.scale", 512},
                                 {"l.0.attn.q_proj.weight", gib},
                                 {"l.0.attn.q_proj.scale", 4096},
                                 {"l.0.attn.v_proj.weight", gib / 4}};
  const auto tensors = table_of(giant);
  const auto grouped = group_tensors(tensors, {});
  ASSERT_EQ(grouped.divided.size(), 1u);
  EXPECT_EQ(grouped.divided[0].name, "l.0.attn");
  EXPECT_EQ(grouped.divided[0].bytes, gib * 3 / 2 + 4608);
  EXPECT_EQ(grouped.divided[0].parts, 3u);
  EXPECT_THAT(group(giant), UnorderedElementsAre(names{giant[0].name, giant[1].name},
                                                 names{giant[2].name, giant[3].name}, names{giant[4].name}));
  auto beside_a_larger_tensor = giant;
  beside_a_larger_tensor.push_back({"embedding.weight", 2 * gib});
  EXPECT_EQ(group(beside_a_larger_tensor).size(), 2u);
}

TEST(tensor_groups, never_divides_rows_or_a_weight_and_its_scale) {
  EXPECT_EQ(group({{"l.attn.q_a_proj.weight", gib}, {"l.attn.kv_a_proj_with_mqa.weight", gib}}).size(), 1u);
  EXPECT_EQ(group({{"l.attn.o.weight", gib}, {"l.attn.o.scale", gib}}).size(), 1u);
  EXPECT_EQ(group({{"l.attn.x.weight", gib}, {"l.attn.y.weight", gib}}, {"l.attn"}).size(), 1u);
  EXPECT_EQ(group({{"l.attn.x.weight", gib}, {"l.attn.y.weight", gib}}).size(), 2u);
}

TEST(tensor_groups, calls_a_group_by_the_path_that_its_tensors_share) {
  const auto name = [](const std::vector<sized>& entries) {
    const auto tensors = table_of(entries);
    tensor_group all;
    for (std::uint32_t index = 0; index < tensors.size(); ++index)
      all.tensors.push_back(index);
    return name_of(all, tensors);
  };
  EXPECT_EQ(name({{"l.0.mlp.gate_proj.weight"}, {"l.0.mlp.up_proj.weight"}}), "l.0.mlp");
  EXPECT_EQ(name({{"l.10.attn.k.weight"}, {"l.10.attn.q.weight"}, {"l.10.attn.k.bias"}}), "l.10.attn");
  EXPECT_EQ(name({{"lm_head.weight"}}), "lm_head.weight");
  EXPECT_EQ(name({{"left.weight"}, {"right.weight"}}), "left.weight and others");
}

} // namespace
} // namespace ckpt::io
