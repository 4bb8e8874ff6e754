// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Each thing that may be done to an open file, on a disk and in memory: which of them count as a change.

#include "io/checkpoint/file_stamp.hpp"

#include "io/fd.hpp"
#include "tests/support/random_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

using ::testing::HasSubstr;

struct file_stamp_test : ::testing::TestWithParam<const char*> {
  file_stamp_test() { tests::write_random_file(path, 10'000, 1); }

  /// What is said of the file once `act` has been called.
  template <class Function>
  [[nodiscard]] std::string change_by(Function act) const {
    const fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    const auto before = settled_stamp_of(file.number(), path.native());
    act();
    return describe_change(before, stamp_of(file.number(), path.native()));
  }

  void write_one_byte() const {
    const fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    EXPECT_EQ(::pwrite(file.number(), "x", 1, 5'000), 1);
  }

  tests::temporary_directory directory{*GetParam() == '\0' ? std::filesystem::current_path()
                                                           : std::filesystem::path{GetParam()}};
  std::filesystem::path path = directory.path() / "model.safetensors";
};

TEST_P(file_stamp_test, stays_the_same_while_nothing_is_done_and_the_file_is_read) {
  EXPECT_EQ(change_by([] {}), "");
  EXPECT_EQ(change_by([&] { tests::make_warm(path); }), "");
}

TEST_P(file_stamp_test, shows_a_byte_that_is_written_at_once) {
  for (int i = 0; i < 50; ++i)
    EXPECT_THAT(change_by([&] { write_one_byte(); }), HasSubstr("modification time changed"));
}

TEST_P(file_stamp_test, shows_a_byte_that_is_written_and_the_time_set_back) {
  EXPECT_THAT(change_by([&] {
                struct stat status {};
                ASSERT_EQ(::stat(path.c_str(), &status), 0);
                write_one_byte();
                const timespec times[] = {status.st_atim, status.st_mtim};
                ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
              }),
              HasSubstr("was written to or its attributes changed"));
}

TEST_P(file_stamp_test, shows_another_size_and_a_size_that_came_back) {
  EXPECT_THAT(change_by([&] { std::filesystem::resize_file(path, 9'000); }),
              HasSubstr("from 10000 to 9000 bytes"));
  EXPECT_THAT(change_by([&] {
                std::filesystem::resize_file(path, 5'000);
                std::filesystem::resize_file(path, 9'000);
              }),
              HasSubstr("modification time changed"));
}

TEST_P(file_stamp_test, shows_other_permissions) {
  EXPECT_THAT(change_by([&] { ASSERT_EQ(::chmod(path.c_str(), 0600), 0); }), HasSubstr("permissions"));
}

TEST_P(file_stamp_test, other_names_and_none_are_no_change) {
  const auto elsewhere = directory.path() / "old.safetensors";
  EXPECT_EQ(change_by([&] { std::filesystem::rename(path, elsewhere); }), "");
  std::filesystem::rename(elsewhere, path);
  EXPECT_EQ(change_by([&] { std::filesystem::create_hard_link(path, elsewhere); }), "");
  std::filesystem::remove(elsewhere);
  tests::write_random_file(elsewhere, 10'000, 2);
  EXPECT_EQ(change_by([&] { std::filesystem::rename(elsewhere, path); }), "") << "another file in its place";
  EXPECT_EQ(change_by([&] { std::filesystem::remove(path); }), "");
}

TEST_P(file_stamp_test, a_change_shows_whatever_became_of_the_name) {
  EXPECT_THAT(change_by([&] {
                write_one_byte();
                std::filesystem::remove(path);
              }),
              HasSubstr("modification time changed"));
}

INSTANTIATE_TEST_SUITE_P(of_a_file, file_stamp_test, ::testing::Values("", "/dev/shm"),
                         [](const auto& one) { return *one.param == '\0' ? "on_disk" : "in_memory"; });

} // namespace
} // namespace ckpt::io
