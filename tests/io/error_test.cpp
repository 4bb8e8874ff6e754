// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ckpt::io {
namespace {

TEST(error, names_as_much_of_a_list_as_a_message_can_have) {
  std::vector<std::string> names;
  EXPECT_EQ(name_some(names), "");
  names = {"a"};
  EXPECT_EQ(name_some(names), "a");
  names = {"a", "b\n", "c", "d", "e"};
  EXPECT_EQ(name_some(names), "a, b?, c, d, e");
  names.insert(names.end(), {"f", "g"});
  EXPECT_EQ(name_some(names), "a, b?, c, d, e and 2 more");
}

} // namespace
} // namespace ckpt::io
