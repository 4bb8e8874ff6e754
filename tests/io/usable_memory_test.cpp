// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/usable_memory.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace ckpt::io {
namespace {

using tests::temporary_directory;

void limit(const temporary_directory& root, const std::string& group, const std::string& max,
           const std::string& current) {
  std::filesystem::create_directories(root.path() / group);
  root.write(group + "/memory.max", max + "\n");
  root.write(group + "/memory.current", current + "\n");
}

TEST(usable_memory, is_what_this_machine_has) {
  const auto bytes = usable_memory();
  ASSERT_TRUE(bytes);
  EXPECT_GT(*bytes, 1u << 20);
}

TEST(usable_memory, is_what_the_narrowest_group_leaves) {
  const temporary_directory root;
  limit(root, "a/b/c", "max", "5");
  limit(root, "a/b", "1000", "300");
  limit(root, "a", "5000", "4000");
  EXPECT_EQ(memory_left_by_groups("0::/a/b/c\n", root.path()), 700u);
  EXPECT_EQ(memory_left_by_groups("12:cpu:/x\n0::/a\n", root.path()), 1000u);
  limit(root, "a", "5000", "6000");
  EXPECT_EQ(memory_left_by_groups("0::/a/b/c\n", root.path()), 0u) << "more than allowed";
}

TEST(usable_memory, counts_the_page_cache_as_usable) {
  const temporary_directory root;
  limit(root, "a", "1000", "990");
  root.write("a/memory.stat",
             "anon 90\nfile 900\ninactive_file 300\nactive_file 500\nslab_reclaimable 50\nshmem 50\n");
  EXPECT_EQ(memory_left_by_groups("0::/a\n", root.path()), 860u);
  limit(root, "a", "1000", "100");
  EXPECT_EQ(memory_left_by_groups("0::/a\n", root.path()), 1000u) << "read at another moment";
}

TEST(usable_memory, is_not_limited_by_groups_that_do_not_say_so) {
  const temporary_directory root;
  limit(root, "a", "max", "5");
  for (const auto* membership : {"", "0::/", "0::/a\n", "0::/nowhere", "4:memory:/a\n", "0::/../../../etc"})
    EXPECT_FALSE(memory_left_by_groups(membership, root.path())) << membership;
}

} // namespace
} // namespace ckpt::io
