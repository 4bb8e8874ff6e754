// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Slurm's short way to write host names, in full; and what is refused instead of guessed.

#include "apps/node/slurm_nodelist.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace ckpt::apps {
namespace {

using names = std::vector<std::string>;

std::string refusal_of(std::string_view list) {
  try {
    static_cast<void>(expand_nodelist(list));
  } catch (const std::invalid_argument& refusal) {
    return refusal.what();
  }
  return "accepted";
}

TEST(slurm_nodelist, writes_names_in_full) {
  struct {
    const char* list;
    names expected;
  } const table[] = {
      {"login", {"login"}},
      {"b,a", {"b", "a"}},
      {"n[0-1]", {"n0", "n1"}},
      {"n[3]", {"n3"}},
      {"n[1-3,007,010-012]", {"n1", "n2", "n3", "n007", "n010", "n011", "n012"}},
      {"n[08-11]", {"n08", "n09", "n10", "n11"}},
      {"n[8-11]", {"n8", "n9", "n10", "n11"}},
      {"n[00-01]", {"n00", "n01"}},
      {"r[0-1]-n[2-3].cluster", {"r0-n2.cluster", "r0-n3.cluster", "r1-n2.cluster", "r1-n3.cluster"}},
      {"gpu-a[0-1]b[2-3],login", {"gpu-a0b2", "gpu-a0b3", "gpu-a1b2", "gpu-a1b3", "login"}},
      {"[1-2]", {"1", "2"}},
      {"a[1][2,4]", {"a12", "a14"}},
      {"10.0.0.[1-2]", {"10.0.0.1", "10.0.0.2"}},
      {"n[999999999999999999]", {"n999999999999999999"}},
  };
  for (const auto& row : table)
    EXPECT_EQ(expand_nodelist(row.list), row.expected) << row.list;
}

TEST(slurm_nodelist, keeps_names_that_appear_twice) {
  EXPECT_EQ(expand_nodelist("n[1,1],n1"), (names{"n1", "n1", "n1"}));
}

TEST(slurm_nodelist, says_what_is_wrong_and_quotes_the_list) {
  struct {
    const char *list, *why;
  } const table[] = {
      {"", "name is missing"},
      {",", "name is missing"},
      {"a,", "name is missing after the last comma"},
      {",a", "name is missing"},
      {"a,,b", "name is missing"},
      {"n[", "not closed"},
      {"n[1", "not closed"},
      {"n[1,2", "not closed"},
      {"n]", "no host name has"},
      {"n[]", "number is missing"},
      {"n[1,]", "number is missing"},
      {"n[,1]", "no number"},
      {"n[1-]", "no number"},
      {"n[-1]", "no number"},
      {"n[1-2-3]", "no number"},
      {"n[1:2]", "no number"},
      {"n[a-b]", "no number"},
      {"n[[1]]", "no number"},
      {"n[ 1]", "no number"},
      {"n[+1]", "no number"},
      {"n[1-2", "not closed"},
      {"n[3-1]", "runs backwards"},
      {"n[1234567890123456789]", "no number"},
      {"n 1", "no host name has"},
      {"n1\nn2", "no host name has"},
      {"n[1-2](x2)", "no host name has"},
      {"(null)", "no host name has"},
  };
  for (const auto& row : table) {
    EXPECT_THAT(refusal_of(row.list), testing::HasSubstr(row.why)) << row.list;
    EXPECT_THAT(refusal_of(row.list), testing::HasSubstr("\"" + std::string{row.list} + "\""));
  }
}

TEST(slurm_nodelist, is_bounded) {
  EXPECT_EQ(expand_nodelist("n[0-65535]").size(), 65'536u);
  EXPECT_EQ(expand_nodelist("n[0-255]x[0-255]").size(), 65'536u);
  for (const auto* list : {"n[0-65536]", "n[0-999999999999999999]", "n[0-65534],a,b", "n[0-65534,1,2]",
                           "n[0-255]x[0-256]", "n[0-99]a[0-99]b[0-99]c[0-99]d[0-99]e[0-99]"})
    EXPECT_THAT(refusal_of(list), testing::HasSubstr("more than 65536")) << list;
  EXPECT_EQ(expand_nodelist(std::string(253, 'n')).front().size(), 253u);
  EXPECT_THAT(refusal_of(std::string(254, 'n')), testing::HasSubstr("longer than 253"));
  EXPECT_THAT(refusal_of(std::string(253, 'n') + "[1-2]"), testing::HasSubstr("longer than 253"));
  EXPECT_LT(refusal_of(std::string(100'000, 'n')).size(), 300u);
}

TEST(slurm_nodelist, takes_or_refuses_whatever_comes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  constexpr std::string_view alphabet = "n0129[[]],,--.x";
  for (int round = 0; round < 20'000; ++round) {
    std::string list;
    for (auto length = random() % 16; length > 0; --length)
      list += alphabet[random() % alphabet.size()];
    try {
      const auto expanded = expand_nodelist(list);
      EXPECT_FALSE(expanded.empty()) << list;
      for (const auto& name : expanded) {
        EXPECT_FALSE(name.empty()) << list;
        EXPECT_EQ(name.find_first_of("[],"), std::string::npos) << list;
      }
    } catch (const std::invalid_argument&) {
      // The right answer to nonsense.
    }
  }
}

} // namespace
} // namespace ckpt::apps
