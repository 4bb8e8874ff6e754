// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The staging memory: what it hands out, in which order, and what a fork sees of it.

#include "io/read/slab_pool.hpp"

#include "io/read/source_file.hpp"

#include <cstring>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

TEST(slab_pool, hands_out_every_slab_once_and_then_nothing) {
  slab_pool pool{3, page_bytes};
  std::vector<bool> seen(3, false);
  for (int i = 0; i < 3; ++i) {
    const auto slab = pool.take();
    ASSERT_TRUE(slab);
    EXPECT_FALSE(seen.at(*slab));
    seen.at(*slab) = true;
  }
  EXPECT_EQ(pool.free_count(), 0U);
  EXPECT_FALSE(pool.take());
}

TEST(slab_pool, hands_out_the_slab_that_came_back_last) {
  slab_pool pool{3, page_bytes};
  const auto first = *pool.take();
  const auto second = *pool.take();
  pool.give_back(first);
  pool.give_back(second);
  EXPECT_EQ(pool.take(), second);
  EXPECT_EQ(pool.take(), first);
}

TEST(slab_pool, moves_a_slab_whose_memory_may_still_be_written_to) {
  slab_pool pool{2, page_bytes};
  const auto memory = pool.memory();
  const auto slab = *pool.take();
  const auto other = *pool.take();
  const auto former = pool.bytes(slab);
  const auto beside = pool.bytes(other);
  pool.move(slab);
  EXPECT_TRUE(pool.is_abandoned());
  const auto moved = pool.bytes(slab);
  EXPECT_NE(moved.data(), former.data());
  EXPECT_NE(moved.data(), beside.data());
  EXPECT_EQ(pool.bytes(other).data(), beside.data());
  moved.front() = std::byte{1};
  former.front() = std::byte{2};
  EXPECT_EQ(moved.front(), std::byte{1});
  pool.give_back(slab);
  EXPECT_EQ(pool.take(), slab);
  EXPECT_EQ(pool.bytes(slab).data(), moved.data());
  ::munmap(moved.data(), moved.size());
  ::munmap(memory.data(), memory.size());
}

TEST(slab_pool, hands_out_slabs_of_the_wanted_node_as_long_as_there_are_any) {
  slab_pool pool{6, page_bytes};
  const unsigned nodes[] = {0, 1,
                            0}; // Not every machine has a second node: then it merely does not lie there.
  std::ignore = pool.place_on(nodes);
  std::vector<slab_index> near;
  for (int turn = 0; turn < 2; ++turn)
    near.push_back(*pool.take(1));
  EXPECT_THAT(near, testing::UnorderedElementsAre(2, 3));
  EXPECT_THAT(*pool.take(1), testing::AnyOf(0, 1, 4, 5));
  pool.give_back(near.front());
  EXPECT_THAT(*pool.take(0), testing::AnyOf(0, 1, 4, 5));
  EXPECT_EQ(*pool.take(1), near.front());
  EXPECT_EQ(pool.free_count(), 2U);
}

TEST(slab_pool, lies_on_the_node_that_it_was_placed_on) {
  slab_pool pool{2, page_bytes};
  const unsigned only[] = {0};
  if (!pool.place_on(only))
    GTEST_SKIP() << "this kernel knows no memory nodes";
  std::memset(pool.memory().data(), 1, pool.memory().size());
  int node = -1;
  constexpr unsigned long node_of_address = 3; // MPOL_F_NODE | MPOL_F_ADDR
  ASSERT_EQ(::syscall(SYS_get_mempolicy, &node, nullptr, 0, pool.memory().data(), node_of_address), 0);
  EXPECT_EQ(node, 0);
}

TEST(slab_pool, slabs_are_aligned_do_not_overlap_and_fill_the_memory) {
  constexpr std::uint64_t slab_bytes = 3 * page_bytes;
  slab_pool pool{5, slab_bytes};
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pool.memory().data()) % (2 << 20), 0U);
  EXPECT_EQ(pool.memory().size(), 5 * slab_bytes);
  for (slab_index slab = 0; slab < pool.count(); ++slab) {
    EXPECT_EQ(pool.bytes(slab).data(), pool.memory().data() + slab * slab_bytes);
    EXPECT_EQ(pool.bytes(slab).size(), slab_bytes);
    std::memset(pool.bytes(slab).data(), static_cast<int>(slab + 1), slab_bytes);
  }
  for (slab_index slab = 0; slab < pool.count(); ++slab) {
    EXPECT_EQ(pool.bytes(slab).front(), std::byte(slab + 1));
    EXPECT_EQ(pool.bytes(slab).back(), std::byte(slab + 1));
  }
}

TEST(slab_pool, memory_is_unmapped_with_the_pool_unless_it_was_abandoned) {
  const auto is_mapped = [](std::byte* address) {
    unsigned char resident = 0;
    return ::mincore(address, page_bytes, &resident) == 0;
  };
  std::byte* address = nullptr;
  {
    slab_pool pool{1, page_bytes};
    address = pool.memory().data();
    EXPECT_TRUE(is_mapped(address));
  }
  EXPECT_FALSE(is_mapped(address));
  {
    slab_pool pool{1, page_bytes};
    address = pool.memory().data();
    pool.abandon();
  }
  EXPECT_TRUE(is_mapped(address));
  ::munmap(address, page_bytes);
}

TEST(slab_pool, a_child_does_not_inherit_the_memory) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's runtime maps memory of its own in the child";
#endif
  slab_pool pool{1, page_bytes};
  std::memset(pool.memory().data(), 1, page_bytes);
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    unsigned char resident = 0;
    ::_exit(::mincore(pool.memory().data(), page_bytes, &resident) == 0 ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(slab_pool, more_memory_than_the_machine_has_is_an_error_not_an_overflow) {
  EXPECT_THROW((slab_pool{0xffff'ffffU, std::uint64_t{1} << 40}), std::system_error);
}

} // namespace
} // namespace ckpt::io
