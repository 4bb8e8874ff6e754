// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/name_pattern.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

/// True where the pattern matches both names and keeps them together.
bool joins(const char* pattern, const char* one, const char* other) {
  const name_pattern parsed{pattern};
  const auto first = parsed.match(one);
  return first && first == parsed.match(other);
}

bool matches(const char* pattern, const char* name) { return name_pattern{pattern}.match(name).has_value(); }

TEST(name_pattern, covers_what_it_names_and_everything_below) {
  EXPECT_TRUE(joins("model.layers.61", "model.layers.61.a.weight", "model.layers.61.b.c.bias"));
  EXPECT_TRUE(matches("lm_head.weight", "lm_head.weight"));
  EXPECT_FALSE(matches("model.layers.6", "model.layers.61.a.weight")) << "only whole parts of a path";
  EXPECT_FALSE(matches("model.layers.61", "model.layers.6"));
  EXPECT_FALSE(matches("layers.61", "model.layers.61.a.weight")) << "from the beginning";
}

TEST(name_pattern, a_star_is_any_text_that_has_to_be_the_same) {
  EXPECT_TRUE(joins("layers.*.moe", "layers.3.moe.gate.weight", "layers.3.moe.up.weight"));
  EXPECT_FALSE(joins("layers.*.moe", "layers.3.moe.gate.weight", "layers.4.moe.gate.weight"));
  EXPECT_TRUE(matches("layers.*.moe", "layers.3.block.moe.gate.weight")) << "points are text, too";
  EXPECT_FALSE(joins("a*b*", "axbyz", "axybz")) << "star by star";
  EXPECT_TRUE(joins("model.layers.*", "model.layers.61.a.weight", "model.layers.61.b.weight"));
}

TEST(name_pattern, braces_hold_alternatives_that_belong_together) {
  EXPECT_TRUE(joins("*.{wq_a,wkv}", "layers.0.attn.wq_a.weight", "layers.0.attn.wkv.scale"));
  EXPECT_FALSE(joins("*.{wq_a,wkv}", "layers.0.attn.wq_a.weight", "layers.1.attn.wkv.scale"));
  EXPECT_FALSE(matches("*.{wq_a,wkv}", "layers.0.attn.wq_ab.weight"));
  EXPECT_TRUE(joins("x.{a,ab}.y", "x.a.y.w", "x.ab.y.w"));
  EXPECT_TRUE(joins("x{,_fused}.y", "x.y.w", "x_fused.y.w"));
}

TEST(name_pattern, a_leading_star_and_point_also_stand_for_nothing) {
  EXPECT_TRUE(joins("*.{gate,up}", "gate.weight", "up.weight"));
  EXPECT_FALSE(joins("*.{gate,up}", "gate.weight", "a.up.weight"));
  EXPECT_FALSE(matches("*.gate", "agate.weight"));
}

TEST(name_pattern, a_trailing_point_and_star_add_nothing) {
  EXPECT_TRUE(joins("layers.3.*", "layers.3.a.weight", "layers.3.b.weight"));
  EXPECT_TRUE(matches("layers.3.*", "layers.3"));
}

TEST(name_pattern, refuses_what_it_cannot_mean) {
  for (const auto* text : {"", "{a", "a}", "{a,{b}}", "{a*}", "{a", "}{"})
    EXPECT_THROW(name_pattern{text}, std::invalid_argument) << text;
}

} // namespace
} // namespace ckpt::io
