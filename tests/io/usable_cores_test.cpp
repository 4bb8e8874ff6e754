// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How many cores a process with some affinity and in some control group may use.

#include "io/usable_cores.hpp"

#include "tests/support/temporary_directory.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

namespace ckpt::io {
namespace {

/// A tree of control groups made of plain files.
struct quota_cores_test : ::testing::Test {
  void write(const std::filesystem::path& file, std::string_view content) const {
    const auto path = directory.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << content;
  }

  [[nodiscard]] std::optional<unsigned> cores(std::string_view membership) const {
    return quota_cores(membership, directory.path());
  }

  tests::temporary_directory directory;
};

TEST_F(quota_cores_test, of_version_2_is_rounded_up) {
  write("job/cpu.max", "200000 100000\n");
  EXPECT_EQ(cores("0::/job\n"), 2U);
  write("job/cpu.max", "150000 100000\n");
  EXPECT_EQ(cores("0::/job\n"), 2U);
  write("job/cpu.max", "1000 100000\n");
  EXPECT_EQ(cores("0::/job\n"), 1U);
}

TEST_F(quota_cores_test, is_the_least_of_the_group_and_those_above_it) {
  write("cpu.max", "800000 100000\n");
  write("pod/cpu.max", "300000 100000\n");
  write("pod/container/cpu.max", "max 100000\n");
  write("pod/other/cpu.max", "100000 100000\n");
  EXPECT_EQ(cores("0::/pod/container\n"), 3U);
  EXPECT_EQ(cores("0::/pod/other\n"), 1U);
  EXPECT_EQ(cores("0::/\n"), 8U);
}

TEST_F(quota_cores_test, is_found_where_a_container_sees_only_its_own_group) {
  write("cpu.max", "400000 100000\n");
  EXPECT_EQ(cores("0::/kubepods/pod7/container\n"), 4U);
}

TEST_F(quota_cores_test, of_version_1_stands_in_two_files_of_the_controller) {
  write("cpu/job/cpu.cfs_quota_us", "250000\n");
  write("cpu/job/cpu.cfs_period_us", "100000\n");
  write("cpu/cpu.cfs_quota_us", "-1\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  const auto others = std::string{"3:cpuset:/job\n2:cpuacct:/job\n"};
  EXPECT_EQ(cores(others + "1:cpu:/job\n0::/\n"), 3U);
  EXPECT_EQ(cores(others + "1:cpu,cpuacct:/job\n"), 3U);
  EXPECT_EQ(cores(others + "1:cpu:/\n"), std::nullopt);
  EXPECT_EQ(cores(others), std::nullopt);
}

TEST_F(quota_cores_test, is_nothing_where_none_is_set_or_understood) {
  EXPECT_EQ(cores(""), std::nullopt);
  EXPECT_EQ(cores("0::/nowhere"), std::nullopt);
  EXPECT_EQ(cores("garbage\n:\n"), std::nullopt);
  for (const auto* content :
       {"", "max", "max 100000", "100000", "100000 ", "100000 0", "x y", "-1 100000", " "}) {
    write("cpu.max", content);
    EXPECT_EQ(cores("0::/\n"), std::nullopt) << '"' << content << '"';
  }
}

TEST(usable_cores_test, are_no_more_than_those_of_the_thread_s_affinity) {
  EXPECT_GE(usable_cores(), 1U);
  unsigned pinned = 0;
  std::thread{[&] {
    cpu_set_t cores;
    if (::sched_getaffinity(0, sizeof cores, &cores) != 0)
      return;
    int first = 0;
    while (!CPU_ISSET(first, &cores))
      ++first;
    CPU_ZERO(&cores);
    CPU_SET(first, &cores);
    if (::sched_setaffinity(0, sizeof cores, &cores) == 0)
      pinned = usable_cores();
  }}.join();
  EXPECT_EQ(pinned, 1U);
}

} // namespace
} // namespace ckpt::io
