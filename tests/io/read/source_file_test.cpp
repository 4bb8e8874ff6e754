// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Opening: the right file, in all the ways it can be read. Residency: each probe against what was done to the
// cache.

#include "io/read/source_file.hpp"

#include "io/error.hpp"
#include "tests/support/random_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <array>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

using ::testing::HasSubstr;
using tests::cached_pages;
using tests::describe;
using tests::make_cold;
using tests::make_warm;
using tests::write_random_file;

struct source_file_test : ::testing::Test {
  tests::temporary_directory directory{std::filesystem::current_path()};
  std::filesystem::path path = directory.path() / "model.safetensors";

  std::string message_for(const checkpoint_file& expected) const {
    try {
      const source_file file{expected};
    } catch (const checkpoint_error& error) {
      return error.what();
    }
    return {};
  }
};

TEST_F(source_file_test, opens_what_was_described) {
  write_random_file(path, 10'000, 1);
  const source_file file{describe(path)};
  EXPECT_EQ(file.path(), path);
  EXPECT_EQ(file.bytes(), 10'000U);
  EXPECT_GE(file.buffered_fd(), 0);
  EXPECT_EQ(file.mapping(), nullptr);
}

TEST_F(source_file_test, names_what_changed_since_the_header_was_read) {
  write_random_file(path, 10'000, 1);
  const auto expected = describe(path);
  EXPECT_EQ(message_for(expected), "");

  auto other = expected;
  other.stamp.bytes = 9'999;
  EXPECT_THAT(message_for(other), HasSubstr("from 9999 to 10000 bytes"));
  other = expected;
  other.stamp.modified_ns -= 1;
  EXPECT_THAT(message_for(other), HasSubstr("modification time changed"));
  EXPECT_THAT(message_for(other), HasSubstr(path.native()));
  other = expected;
  other.stamp.changed_ns -= 1;
  EXPECT_THAT(message_for(other), HasSubstr("was written to or its attributes changed"));
}

TEST_F(source_file_test, reads_the_file_that_was_described_whatever_its_path_leads_to_now) {
  const tests::temporary_directory memory{"/dev/shm"};
  for (const auto& place : {path, memory.path() / "model.safetensors"}) {
    const auto content = write_random_file(place, 8192, 1);
    const auto expected = describe(place);
    std::filesystem::rename(place, place.native() + ".old");
    write_random_file(place, 8192, 2);
    std::filesystem::remove(place.native() + ".old");
    const source_file file{expected};
    for (const int descriptor : {file.buffered_fd(), file.direct_fd()}) {
      if (descriptor < 0)
        continue; // No direct reads here.
      alignas(4096) std::array<std::byte, 8192> read{};
      ASSERT_EQ(::pread(descriptor, read.data(), read.size(), 0), 8192);
      EXPECT_EQ(std::memcmp(read.data(), content.data(), content.size()), 0);
    }
    if (file.mapping() != nullptr) {
      EXPECT_EQ(std::memcmp(file.mapping(), content.data(), content.size()), 0);
    }
  }
}

TEST_F(source_file_test, follows_links) {
  write_random_file(directory.path() / "blob", 5'000, 1);
  std::filesystem::create_symlink("blob", path);
  const source_file file{describe(path)};
  EXPECT_EQ(file.bytes(), 5'000U);
}

TEST_F(source_file_test, without_direct_reads_there_is_no_direct_descriptor) {
  write_random_file(path, 5'000, 1);
  source_file_options options;
  options.direct = false;
  const source_file file{describe(path), options};
  EXPECT_EQ(file.direct_fd(), -1);
  EXPECT_GE(file.buffered_fd(), 0);
}

TEST_F(source_file_test, a_file_on_tmpfs_is_mapped_whole) {
  const tests::temporary_directory memory{"/dev/shm"};
  const auto in_memory = memory.path() / "model.safetensors";
  const auto content = write_random_file(in_memory, 10'001, 2);
  const auto expected = describe(in_memory);
  ASSERT_TRUE(expected.in_memory) << "/dev/shm is no tmpfs here";
  source_file file{expected};
  ASSERT_NE(file.mapping(), nullptr);
  EXPECT_EQ(std::memcmp(file.mapping(), content.data(), content.size()), 0);
  EXPECT_EQ(file.direct_fd(), -1);
  EXPECT_TRUE(file.is_cached({0, 10'001}));

  const source_file moved{std::move(file)};
  EXPECT_EQ(std::memcmp(moved.mapping(), content.data(), content.size()), 0);
}

TEST_F(source_file_test, an_empty_file_on_tmpfs_has_no_mapping) {
  const tests::temporary_directory memory{"/dev/shm"};
  write_random_file(memory.path() / "empty", 0, 2);
  const source_file file{describe(memory.path() / "empty")};
  EXPECT_EQ(file.mapping(), nullptr);
}

struct residency_test : source_file_test, ::testing::WithParamInterface<residency_probe> {
  static constexpr std::uint64_t bytes = 5'000'000; // not a multiple of a page

  [[nodiscard]] source_file open() const {
    source_file_options options;
    options.probe = GetParam();
    return source_file{describe(path), options};
  }
};

TEST_P(residency_test, tells_cold_warm_and_partly_warm_apart) {
  write_random_file(path, bytes, 3);
  const auto file = open();
  make_cold(path);
  ASSERT_EQ(cached_pages(path), 0U);
  EXPECT_EQ(file.residency_of({0, bytes}), residency::none);

  make_warm(path);
  EXPECT_EQ(file.residency_of({0, bytes}), residency::all);
  EXPECT_TRUE(file.is_cached({4096, 8192}));
  EXPECT_EQ(file.residency_of({4'997'120, 4096}), residency::all) << "the window at the end of the file";

  file.drop_from_cache({0, 4 << 20});
  EXPECT_EQ(file.residency_of({0, 4 << 20}), residency::none);
  EXPECT_EQ(file.residency_of({0, bytes}), residency::part);
  EXPECT_FALSE(file.is_cached({0, bytes}));
}

TEST_P(residency_test, a_file_just_written_is_resident) {
  write_random_file(path, bytes, 4);
  EXPECT_TRUE(open().is_cached({0, bytes}));
}

TEST_P(residency_test, nothing_is_resident_beyond_the_end) {
  write_random_file(path, bytes, 5);
  const auto file = open();
  EXPECT_EQ(file.residency_of({5'001'216, 4096}), residency::none);
}

TEST_P(residency_test, looking_does_not_change_the_cache) {
  write_random_file(path, bytes, 6);
  const auto file = open();
  make_cold(path);
  std::ignore = file.residency_of({0, bytes});
  EXPECT_EQ(cached_pages(path), 0U);
}

INSTANTIATE_TEST_SUITE_P(both_probes, residency_test,
                         ::testing::Values(residency_probe::automatic, residency_probe::mincore));

TEST_F(source_file_test, without_a_probe_residency_is_unknown) {
  write_random_file(path, 5'000, 7);
  source_file_options options;
  options.probe = residency_probe::nothing;
  const source_file file{describe(path), options};
  EXPECT_EQ(file.residency_of({0, 5'000}), residency::unknown);
  EXPECT_FALSE(file.is_cached({0, 5'000}));
}

} // namespace
} // namespace ckpt::io
