// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/tensor_pairs.hpp"

#include "apps/sink/pair_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::sink {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string attention = "model.layers.3.self_attn.";

TEST(tensor_pairs, belong_together_within_one_module_only) {
  EXPECT_EQ(partner_of(attention + "q_a_proj.weight", consumption::fuse),
            attention + "kv_a_proj_with_mqa.weight");
  EXPECT_EQ(partner_of(attention + "kv_a_proj_with_mqa.weight_scale_inv", consumption::fuse),
            attention + "q_a_proj.weight_scale_inv");
  EXPECT_EQ(partner_of("qkv_proj.weight", consumption::held_views), "qkv_proj.weight_scale_inv");
  EXPECT_EQ(partner_of(attention + "xq_a_proj.weight", consumption::fuse), std::nullopt);
  EXPECT_EQ(partner_of(attention + "q_a_proj.weight.more", consumption::fuse), std::nullopt);
  EXPECT_EQ(partner_of(attention + "o_proj.weight", consumption::fuse), std::nullopt);
}

TEST(tensor_pairs, are_mutual_and_none_for_workers_that_take_each_tensor_alone) {
  for (const auto how : {consumption::fuse, consumption::held_views}) {
    EXPECT_FALSE(pairs_of(how).empty());
    for (const auto& [one, other] : pairs_of(how)) {
      EXPECT_EQ(partner_of(attention + std::string{one}, how), attention + std::string{other});
      EXPECT_EQ(partner_of(attention + std::string{other}, how), attention + std::string{one});
    }
  }
  for (const auto how : {consumption::copy, consumption::touch, consumption::none})
    EXPECT_TRUE(pairs_of(how).empty());
}

class pair_check_test : public testing::Test {
protected:
  using complaints = std::vector<pair_check::complaint>;

  complaints take(pair_check& check, const std::vector<std::string>& names, bool is_intact = true) {
    tensor_list list;
    for (const auto& name : names)
      list.tensors.push_back({name, "float32", {1}, 256 * list.tensors.size()});
    return check.take(
        list, [&](std::string_view name) { return name != absent_; },
        [=](std::string_view, std::uint64_t) { return is_intact; });
  }

  std::string absent_;
  const std::string weight_ = attention + "indexer.wk.weight";
  const std::string scale_ = attention + "indexer.wk.weight_scale_inv";
};

TEST_F(pair_check_test, is_content_with_pairs_in_one_list_in_any_order) {
  for (const auto how : {consumption::fuse, consumption::held_views, consumption::copy}) {
    pair_check check{how};
    EXPECT_THAT(take(check, {"a.weight", weight_, scale_}), IsEmpty());
    EXPECT_THAT(take(check, {scale_, "b.weight", weight_}), IsEmpty());
  }
}

TEST_F(pair_check_test, names_both_halves_that_were_to_be_fused) {
  pair_check check{consumption::fuse};
  const auto first = take(check, {"a.weight", weight_});
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].tensor, weight_);
  EXPECT_THAT(first[0].what, AllOf(HasSubstr(scale_), HasSubstr("keeps its old value")));
  const auto second = take(check, {scale_});
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].tensor, scale_);
}

TEST_F(pair_check_test, reads_a_held_view_only_when_the_other_half_comes) {
  for (const bool is_intact : {true, false}) {
    pair_check check{consumption::held_views};
    EXPECT_THAT(take(check, {weight_}), IsEmpty());
    EXPECT_THAT(take(check, {"a.weight"}), IsEmpty());
    const auto later = take(check, {scale_}, is_intact);
    ASSERT_THAT(later, SizeIs(1));
    EXPECT_EQ(later[0].tensor, weight_);
    EXPECT_THAT(later[0].what, HasSubstr(is_intact ? "by luck" : "other bytes"));
  }
}

TEST_F(pair_check_test, knows_tensors_that_stand_alone_in_their_checkpoint) {
  absent_ = scale_;
  for (const auto how : {consumption::fuse, consumption::held_views}) {
    pair_check check{how};
    EXPECT_THAT(take(check, {weight_}), IsEmpty());
  }
}

TEST_F(pair_check_test, does_not_mind_splits_that_the_engine_can_take) {
  pair_check check{consumption::held_views};
  EXPECT_THAT(take(check, {attention + "q_a_proj.weight"}), IsEmpty());
  EXPECT_THAT(take(check, {attention + "kv_a_proj_with_mqa.weight"}), IsEmpty());
}

} // namespace
} // namespace ckpt::apps::sink
