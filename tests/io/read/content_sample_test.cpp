// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/read/content_sample.hpp"

#include "io/error.hpp"
#include "io/read/source_file.hpp"
#include "tests/support/random_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <algorithm>
#include <fstream>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using tests::describe;
using tests::make_cold;
using tests::write_random_file;

struct content_sample_test : ::testing::Test {
  tests::temporary_directory directory{std::filesystem::current_path()};
  tests::temporary_directory memory{"/dev/shm"};
  unsigned seed = std::random_device{}();
  std::mt19937 random{seed};

  /// Digests of files at these paths.
  [[nodiscard]] static std::vector<std::uint64_t> sample(const std::vector<std::filesystem::path>& paths) {
    std::vector<checkpoint_file> files;
    for (const auto& path : paths) {
      files.push_back(describe(path));
      files.back().data_offset = 1000;
    }
    return sample_content(files, 10s);
  }

  static void write(const std::filesystem::path& path, const std::vector<std::byte>& content) {
    std::ofstream out{path, std::ios::binary};
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  }
};

TEST_F(content_sample_test, is_the_same_wherever_the_file_lies_and_whatever_is_cached) {
  const auto path = directory.path() / "a";
  const auto content = write_random_file(path, 20'000'001, 1);
  const auto warm = sample({path});
  make_cold(path);
  EXPECT_EQ(sample({path}), warm);
  write(memory.path() / "b", content);
  EXPECT_EQ(sample({memory.path() / "b"}), warm);
}

TEST_F(content_sample_test, finds_one_byte_in_ten_thousand_and_tells_which_file_it_is_in) {
  SCOPED_TRACE(seed);
  for (const auto bytes : {8'000'000ul, 30'000'001ul}) {
    const std::vector<std::filesystem::path> paths{directory.path() / "a", directory.path() / "b"};
    write_random_file(paths[0], 1'000'000, 1);
    auto content = write_random_file(paths[1], bytes, 2);
    const auto before = sample(paths);
    std::uniform_int_distribution<std::size_t> place{1000, bytes - 1};
    for (std::size_t i = 0; i < bytes / 10'000; ++i)
      content[place(random)] ^= std::byte{1};
    write(paths[1], content);
    const auto after = sample(paths);
    EXPECT_EQ(after[0], before[0]);
    EXPECT_NE(after[1], before[1]) << bytes;
  }
}

TEST_F(content_sample_test, leaves_out_what_is_in_front_of_the_tensors) {
  const auto path = directory.path() / "a";
  auto content = write_random_file(path, 100'000, 1); // Every page of it is looked at.
  const auto before = sample({path});
  content[999] ^= std::byte{1};
  write(path, content);
  EXPECT_EQ(sample({path}), before);
  content[1000] ^= std::byte{1};
  write(path, content);
  EXPECT_NE(sample({path}), before);
}

TEST_F(content_sample_test, the_last_byte_of_a_small_file_counts) {
  const auto path = directory.path() / "a";
  auto content = write_random_file(path, 100'001, 1);
  const auto before = sample({path});
  content.back() ^= std::byte{1};
  write(path, content);
  EXPECT_NE(sample({path}), before);
}

TEST_F(content_sample_test, a_file_that_has_changed_is_an_error_with_its_name) {
  const auto path = directory.path() / "a";
  write_random_file(path, 100'000, 1);
  const auto file = describe(path);
  std::filesystem::resize_file(path, 50'000);
  try {
    std::ignore = sample_content({file}, 10s);
    FAIL() << "no error";
  } catch (const checkpoint_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(path.native()));
  }
}

TEST(sampled_pages, are_spread_over_the_tensors_and_differ) {
  checkpoint_file file;
  file.bytes = (64ull << 30) + 17;
  file.data_offset = 100'000;
  const auto pages = choose_sampled_pages(file, 4096);
  ASSERT_EQ(pages.size(), 4096U);
  EXPECT_TRUE(std::ranges::is_sorted(pages));
  EXPECT_EQ(std::set<std::uint64_t>(pages.begin(), pages.end()).size(), 4096U);
  EXPECT_GE(pages.front() + page_bytes, file.data_offset);
  EXPECT_LT(pages.back(), file.bytes);
  std::uint64_t last = 0;
  for (const auto page : pages) {
    EXPECT_EQ(page % page_bytes, 0U);
    EXPECT_LE(page - last, 32ull << 20) << "two strides";
    last = page;
  }
}

TEST(sampled_pages, are_no_more_than_there_are) {
  checkpoint_file file;
  file.bytes = 3 * page_bytes + 1;
  file.data_offset = page_bytes + 8;
  EXPECT_EQ(choose_sampled_pages(file, 64),
            (std::vector<std::uint64_t>{page_bytes, 2 * page_bytes, 3 * page_bytes}));
  file.bytes = file.data_offset;
  EXPECT_TRUE(choose_sampled_pages(file, 64).empty());
}

} // namespace
} // namespace ckpt::io
