// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/slurm_nodelist.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

using testing::ElementsAre;

TEST(slurm_nodelist, of_plain_names_is_those_names) {
  EXPECT_THAT(expand_slurm_nodelist("login"), ElementsAre("login"));
  EXPECT_THAT(expand_slurm_nodelist("b.site.org,a-1"), ElementsAre("b.site.org", "a-1")) << "in its order";
}

TEST(slurm_nodelist, expands_ranges_and_keeps_leading_zeros) {
  EXPECT_THAT(expand_slurm_nodelist("n[1-3,007,010-012]"),
              ElementsAre("n1", "n2", "n3", "n007", "n010", "n011", "n012"));
  EXPECT_THAT(expand_slurm_nodelist("n[08-11]"), ElementsAre("n08", "n09", "n10", "n11"));
}

TEST(slurm_nodelist, multiplies_several_brackets_and_keeps_what_follows_them) {
  EXPECT_THAT(expand_slurm_nodelist("gpu-a[0-1]b[2-3]x,login"),
              ElementsAre("gpu-a0b2x", "gpu-a0b3x", "gpu-a1b2x", "gpu-a1b3x", "login"));
}

TEST(slurm_nodelist, refuses_what_makes_no_sense) {
  for (const auto* list : {"", ",", "a,", "a,,b", "n[", "n[1", "n[1-", "n[]", "n]", "n[3-1]", "n[a-b]",
                           "n[1-2", "n[1,]", "n[-1]", "n[99999999999999999999]", "[["})
    EXPECT_THROW(static_cast<void>(expand_slurm_nodelist(list)), std::invalid_argument) << list;
}

TEST(slurm_nodelist, bounds_the_number_of_hosts) {
  EXPECT_EQ(expand_slurm_nodelist("n[1-65536]").size(), 65'536u);
  for (const auto* list : {"n[0-65536]", "n[1-300][1-300]", "a[1-65536],b", "n[0-999999999999]"})
    EXPECT_THROW(static_cast<void>(expand_slurm_nodelist(list)), std::invalid_argument) << list;
}

} // namespace
} // namespace ckpt::apps
