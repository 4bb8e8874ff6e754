// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The rules for short reads and errnos, driven with outcomes that a real disk gives too rarely.

#include "io/read/read_progress.hpp"

#include "tests/support/random_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cerrno>
#include <random>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace ckpt::io {
namespace {

using state = read_progress::state;

struct read_progress_test : ::testing::Test {
  void SetUp() override {
    const auto path = directory.path() / "model.safetensors";
    tests::write_random_file(path, 100'000, 1);
    tests::make_cold(path);
    file.emplace(tests::describe(path));
    if (file->direct_fd() < 0)
      GTEST_SKIP() << "no O_DIRECT below the build directory";
  }

  /// A request of 16 pages from page 2 on of which the first 60,000 bytes are needed. Nothing is read into
  /// memory here.
  [[nodiscard]] read_progress begin() const {
    return read_progress{{&*file, {8192, 65'536}, 60'000, memory, 42}};
  }

  tests::temporary_directory directory{std::filesystem::current_path()};
  std::optional<source_file> file;
  std::byte* memory = reinterpret_cast<std::byte*>(std::uintptr_t{1} << 20);
};

TEST_F(read_progress_test, begins_with_the_whole_window) {
  const auto call = begin().next_call();
  EXPECT_EQ(call.file, file->direct_fd());
  EXPECT_EQ(call.destination, memory);
  EXPECT_EQ(call.length, 65'536U);
  EXPECT_EQ(call.offset, 8192U);
  EXPECT_EQ(call.path, read_path::direct);
}

TEST_F(read_progress_test, is_complete_with_the_bytes_that_are_needed) {
  auto enough = begin();
  EXPECT_EQ(enough.advance(60'000), state::finished);
  EXPECT_EQ(enough.result().tag, 42U);
  EXPECT_FALSE(enough.result().error);
  EXPECT_EQ(enough.result().path, read_path::direct);
  EXPECT_EQ(begin().advance(65'536), state::finished);
  EXPECT_EQ(begin().advance(59'999), state::unfinished);
}

TEST_F(read_progress_test, a_short_direct_read_goes_on_at_the_last_whole_page) {
  auto progress = begin();
  ASSERT_EQ(progress.advance(4096 + 512), state::unfinished);
  const auto call = progress.next_call();
  EXPECT_EQ(call.offset, 8192U + 4096);
  EXPECT_EQ(call.destination, memory + 4096);
  EXPECT_EQ(call.length, 65'536U - 4096);
  EXPECT_EQ(call.path, read_path::direct);
}

TEST_F(read_progress_test, a_direct_read_that_stands_still_goes_on_through_the_cache_at_the_byte) {
  auto progress = begin();
  ASSERT_EQ(progress.advance(4096 + 512), state::unfinished);
  ASSERT_EQ(progress.advance(512), state::unfinished) << "the same bytes again";
  const auto call = progress.next_call();
  EXPECT_EQ(call.file, file->buffered_fd());
  EXPECT_EQ(call.offset, 8192U + 4608);
  EXPECT_EQ(call.destination, memory + 4608);
  EXPECT_EQ(call.length, 65'536U - 4608);
}

TEST_F(read_progress_test, the_end_of_the_file_is_believed_only_of_the_cache) {
  auto progress = begin();
  ASSERT_EQ(progress.advance(0), state::unfinished);
  ASSERT_EQ(progress.next_call().path, read_path::page_cache);
  ASSERT_EQ(progress.advance(0), state::finished);
  EXPECT_EQ(progress.result().error, read_errc::truncated);
  EXPECT_EQ(progress.result().path, read_path::page_cache);
}

TEST_F(read_progress_test, a_direct_read_that_is_refused_goes_through_the_cache) {
  for (const auto refusal : {EINVAL, EOPNOTSUPP}) {
    auto progress = begin();
    ASSERT_EQ(progress.advance(-refusal), state::unfinished);
    ASSERT_EQ(progress.next_call().path, read_path::page_cache);
    EXPECT_EQ(progress.advance(60'000), state::finished);
    EXPECT_FALSE(progress.result().error);
  }
}

TEST_F(read_progress_test, a_refusal_of_the_cache_is_an_error) {
  auto progress = begin();
  ASSERT_EQ(progress.advance(-EINVAL), state::unfinished);
  ASSERT_EQ(progress.advance(-EINVAL), state::finished);
  EXPECT_EQ(progress.result().error, std::errc::invalid_argument);
}

TEST_F(read_progress_test, an_errno_ends_the_read) {
  for (const auto error : {EIO, EFAULT, ENODEV, ESTALE}) {
    auto progress = begin();
    ASSERT_EQ(progress.advance(4096), state::unfinished);
    ASSERT_EQ(progress.advance(-error), state::finished);
    EXPECT_EQ(progress.result().error, std::error_code(error, std::generic_category()));
  }
}

TEST_F(read_progress_test, interruptions_repeat_the_call_but_not_for_ever) {
  auto progress = begin();
  const auto before = progress.next_call();
  ASSERT_EQ(progress.advance(-EINTR), state::unfinished);
  ASSERT_EQ(progress.advance(-EAGAIN), state::unfinished);
  ASSERT_EQ(progress.advance(-ECANCELED), state::unfinished);
  EXPECT_EQ(progress.next_call().offset, before.offset);
  EXPECT_EQ(progress.next_call().path, before.path);
  int calls = 0;
  while (progress.advance(-EAGAIN) == state::unfinished)
    ASSERT_LT(++calls, 1'000'000);
  EXPECT_EQ(progress.result().error, std::errc::resource_unavailable_try_again);
}

TEST_F(read_progress_test, random_short_reads_cover_every_needed_byte_without_a_gap) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  for (int round = 0; round < 1000; ++round) {
    auto progress = begin();
    std::uint64_t covered = 0;
    for (auto now = state::unfinished; now == state::unfinished;) {
      const auto call = progress.next_call();
      const auto begin_byte = call.offset - 8192;
      ASSERT_LE(begin_byte, covered);
      ASSERT_EQ(call.destination, memory + begin_byte);
      ASSERT_EQ(begin_byte + call.length, 65'536U);
      if (call.path == read_path::direct) {
        ASSERT_EQ(call.offset % page_bytes, 0U);
      }
      // Blocks of 512 bytes when direct, any number of bytes through the cache, and nothing new now and then.
      const auto unit = call.path == read_path::direct ? 512U : 1U;
      const auto outcome =
          random() % 8 == 0 ? -EINTR : static_cast<int>(unit * (1 + random() % (8192 / unit)));
      const auto count = std::min(outcome, static_cast<int>(call.length));
      now = progress.advance(count);
      if (count > 0)
        covered = std::max(covered, begin_byte + static_cast<std::uint64_t>(count));
    }
    ASSERT_FALSE(progress.result().error);
    ASSERT_GE(covered, 60'000U);
  }
}

} // namespace
} // namespace ckpt::io
