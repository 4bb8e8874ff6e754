// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/plan_digest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using testing::HasSubstr;

checkpoint two_files() {
  checkpoint source;
  source.files = {{"/here/a.safetensors", 5000}, {"/here/b.safetensors", 6000}};
  source.tensors = {{"one", dtype::u8, {16}, 0, {100, 16}}, {"two", dtype::f32, {2, 2}, 1, {200, 16}}};
  return source;
}

TEST(plan_digest, the_same_files_elsewhere_are_no_difference) {
  auto elsewhere = two_files();
  elsewhere.files[0].path = "/there/a.safetensors";
  EXPECT_EQ(describe_difference(identify_files(two_files()), identify_files(elsewhere)), "");
}

TEST(plan_digest, names_the_file_and_how_many_bytes_it_has_more_or_less) {
  const auto ours = identify_files(two_files());
  auto theirs = ours;
  theirs[1].bytes -= 4099;
  EXPECT_EQ(describe_difference(ours, theirs), "has b.safetensors with 4099 bytes less");
  theirs[1].bytes += 4100;
  EXPECT_EQ(describe_difference(ours, theirs), "has b.safetensors with 1 bytes more");
}

TEST(plan_digest, names_the_file_whose_tensors_differ) {
  auto theirs = two_files();
  theirs.tensors[0].shape = {4, 4};
  EXPECT_EQ(describe_difference(identify_files(two_files()), identify_files(theirs)),
            "has other tensors in a.safetensors");
}

TEST(plan_digest, names_the_file_whose_content_differs_once_nothing_else_does) {
  const auto ours = identify_files(two_files());
  auto theirs = two_files();
  theirs.files[1].content_digest = 7;
  EXPECT_EQ(describe_difference(ours, identify_files(theirs)), "has another content in b.safetensors");
  theirs.files[0].content_digest = 8;
  theirs.files[1].bytes += 1;
  EXPECT_EQ(describe_difference(ours, identify_files(theirs)), "has b.safetensors with 1 bytes more");
}

TEST(plan_digest, differs_with_the_content) {
  const auto ours = two_files();
  auto theirs = ours;
  EXPECT_EQ(digest(theirs, {}), digest(ours, {}));
  theirs.files[1].content_digest = 7;
  EXPECT_NE(digest(theirs, {}), digest(ours, {}));
}

TEST(plan_digest, names_files_that_only_one_side_has) {
  const auto ours = identify_files(two_files());
  const auto fewer = std::vector{ours[0]};
  EXPECT_EQ(describe_difference(ours, fewer), "lacks b.safetensors");
  EXPECT_EQ(describe_difference(fewer, ours), "has b.safetensors, which is not here");
}

TEST(plan_digest, does_not_let_a_name_drive_the_terminal) {
  auto theirs = identify_files(two_files());
  theirs[0].name = "a\x1b[2J";
  EXPECT_THAT(describe_difference(identify_files(two_files()), theirs), HasSubstr("a?[2J"));
}

} // namespace
} // namespace ckpt::io
