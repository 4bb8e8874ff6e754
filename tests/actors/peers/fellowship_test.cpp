// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/fellowship.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <random>
#include <set>
#include <vector>

namespace ckpt::actors {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(fellowship, introduces_a_newcomer_to_all_while_they_are_few) {
  fellowship all;
  EXPECT_THAT(all.add(7), IsEmpty());
  EXPECT_THAT(all.add(5), UnorderedElementsAre(7));
  EXPECT_THAT(all.add(9), UnorderedElementsAre(5, 7));
  EXPECT_TRUE(all.know_each_other(9, 5));
  EXPECT_TRUE(all.know_each_other(5, 9));
  EXPECT_FALSE(all.know_each_other(5, 5));
  EXPECT_FALSE(all.know_each_other(5, 6));
}

TEST(fellowship, is_empty_when_all_have_left) {
  fellowship all;
  EXPECT_TRUE(all.is_empty());
  static_cast<void>(all.add(1));
  static_cast<void>(all.add(2));
  static_cast<void>(all.remove(1));
  EXPECT_FALSE(all.is_empty());
  static_cast<void>(all.remove(2));
  EXPECT_TRUE(all.is_empty());
}

TEST(fellowship, introduces_nobody_twice) {
  fellowship all;
  static_cast<void>(all.add(1));
  static_cast<void>(all.add(2));
  EXPECT_THAT(all.add(2), IsEmpty());
}

TEST(fellowship, forgets_who_leaves) {
  fellowship all;
  for (const auto id : {1, 2, 3})
    static_cast<void>(all.add(static_cast<std::uint64_t>(id)));
  EXPECT_THAT(all.remove(2), UnorderedElementsAre(1, 3));
  EXPECT_THAT(all.remove(2), IsEmpty());
  EXPECT_FALSE(all.know_each_other(1, 2));
  EXPECT_TRUE(all.know_each_other(1, 3));
  EXPECT_THAT(all.add(4), UnorderedElementsAre(1, 3));
}

/// The number of those that news of `first` reach.
[[nodiscard]] std::size_t reached_from(const fellowship& all, const std::set<std::uint64_t>& ids,
                                       std::uint64_t first) {
  std::set<std::uint64_t> reached{first};
  std::vector<std::uint64_t> to_look_at{first};
  while (!to_look_at.empty()) {
    const auto one = to_look_at.back();
    to_look_at.pop_back();
    for (const auto other : ids)
      if (all.know_each_other(one, other) && reached.insert(other).second)
        to_look_at.push_back(other);
  }
  return reached.size();
}

TEST(fellowship, of_many_reaches_all_although_each_knows_a_few) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random{seed};
  fellowship all;
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 200; ++i) {
    const auto id = random() | 1;
    if (!ids.insert(id).second)
      continue;
    EXPECT_LE(all.add(id).size(), fellowship::introduced_max);
  }
  for (const auto id : ids) {
    const auto known = std::ranges::count_if(ids, [&](auto other) { return all.know_each_other(id, other); });
    EXPECT_GT(known, 0);
    EXPECT_LE(static_cast<std::size_t>(known), fellowship::fellows_max);
  }
  EXPECT_EQ(reached_from(all, ids, *ids.begin()), ids.size());
}

} // namespace
} // namespace ckpt::actors
