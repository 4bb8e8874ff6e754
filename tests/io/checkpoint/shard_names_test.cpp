// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/shard_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(shard_names, a_consolidated_copy_beside_the_model_does_not_count) {
  const auto chosen = choose_files({"consolidated-00001-of-00002.safetensors", "consolidated.safetensors",
                                    "extra.safetensors", "model.safetensors"});
  EXPECT_THAT(chosen.names, ElementsAre("extra.safetensors", "model.safetensors"));
  EXPECT_THAT(chosen.left_out,
              ElementsAre("consolidated-00001-of-00002.safetensors", "consolidated.safetensors"));
}

TEST(shard_names, a_consolidated_copy_on_its_own_is_the_model) {
  const auto chosen = choose_files({"consolidated.safetensors", "remodel.safetensors"});
  EXPECT_THAT(chosen.names, ElementsAre("consolidated.safetensors", "remodel.safetensors"));
  EXPECT_THAT(chosen.left_out, IsEmpty());
}

TEST(shard_names, complete_sets_have_no_gaps) {
  EXPECT_THAT(remarks_on_gaps({"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}),
              IsEmpty());
  EXPECT_THAT(remarks_on_gaps({"m-0-of-2.safetensors", "m-1-of-2.safetensors"}), IsEmpty()) << "from 0";
  EXPECT_THAT(remarks_on_gaps({"m-0-of-1.safetensors", "m-1-of-1.safetensors"}), IsEmpty());
  EXPECT_THAT(
      remarks_on_gaps({"model.safetensors", "best-of-3.safetensors", "a-of-b", "-of-", "1-of-", "-of-1"}),
      IsEmpty())
      << "not numbered";
}

TEST(shard_names, gaps_are_counted_and_the_first_is_named) {
  EXPECT_THAT(remarks_on_gaps({"model-00001-of-00004.safetensors", "model-00003-of-00004.safetensors"}),
              ElementsAre("model-*-of-00004.safetensors: 2 of 4 numbered files are missing, number 2 first"));
  EXPECT_THAT(remarks_on_gaps({"m-0-of-3.safetensors", "m-1-of-3.safetensors"}),
              ElementsAre(HasSubstr("1 of 3 numbered files are missing, number 2 first")));
  EXPECT_THAT(
      remarks_on_gaps({"m-2-of-2.safetensors", "n-1-of-2.safetensors"}),
      ElementsAre(HasSubstr("m-*-of-2.safetensors: 1 of 2 numbered files are missing, number 1 first"),
                  HasSubstr("n-*-of-2.safetensors: 1 of 2 numbered files are missing, number 2 first")));
  EXPECT_THAT(remarks_on_gaps({"m-9-of-2.safetensors"}),
              ElementsAre(HasSubstr("2 of 2 numbered files are missing, number 1 first")))
      << "beyond the end";
}

TEST(shard_names, numbers_that_no_checkpoint_has_are_names) {
  EXPECT_THAT(remarks_on_gaps({"m-1-of-99999999999999999999.safetensors"}), IsEmpty());
  EXPECT_THAT(remarks_on_gaps({"m-1-of-999999999.safetensors"}),
              ElementsAre(HasSubstr("999999998 of 999999999 numbered files are missing, number 2 first")));
}

TEST(shard_names, one_of_several) {
  EXPECT_TRUE(is_one_of_several("model-00002-of-00004.safetensors"));
  EXPECT_FALSE(is_one_of_several("model-00001-of-00001.safetensors"));
  EXPECT_FALSE(is_one_of_several("model.safetensors"));
}

} // namespace
} // namespace ckpt::io
