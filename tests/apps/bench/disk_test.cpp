// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which disk a file lies on, and how far the kernel reads ahead there.

#include "apps/bench/disk.hpp"

#include "tests/support/temporary_directory.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace ckpt::apps::bench {
namespace {

struct disk_test : ::testing::Test {
  disk_test() {
    write("data/model.safetensors", "");
    struct stat status {};
    EXPECT_EQ(::stat(file().c_str(), &status), 0);
    number = std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  }

  void write(const std::filesystem::path& path, std::string_view content) const {
    std::filesystem::create_directories((root() / path).parent_path());
    std::ofstream{root() / path} << content;
  }

  [[nodiscard]] std::filesystem::path root() const { return std::filesystem::canonical(directory.path()); }
  [[nodiscard]] std::filesystem::path file() const { return root() / "data/model.safetensors"; }
  [[nodiscard]] disk find() const { return find_disk(file(), {root() / "sys", root() / "mountinfo"}); }

  tests::temporary_directory directory{std::filesystem::current_path()};
  std::string number; ///< of the device that the test's files lie on
};

TEST_F(disk_test, is_that_of_the_innermost_mount) {
  const auto data = (root() / "data").native();
  write("mountinfo", "1 0 254:0 / / rw - ext4 /dev/one rw\n"
                     "2 1 254:1 / "
                         + data
                         + " rw,noatime shared:5 - xfs /dev/two rw\n"
                           "3 1 254:2 / "
                         + data
                         + "base rw - btrfs /dev/three rw\n"
                           "4 1 254:3 / "
                         + root().native() + " rw - ext2 /dev/four rw\n");
  EXPECT_EQ(find().source, "/dev/two");
  EXPECT_EQ(find().file_system, "xfs");
}

TEST_F(disk_test, of_two_mounts_at_one_place_is_the_later) {
  write("mountinfo", "1 0 254:0 / / rw - ext4 /dev/one rw\n2 1 0:50 / / rw - overlay overlay rw\n");
  EXPECT_EQ(find().file_system, "overlay");
}

TEST_F(disk_test, reads_ahead_as_the_queue_of_its_device_says) {
  write("sys/dev/block/" + number + "/queue/read_ahead_kb", "8192\n");
  write("sys/class/bdi/" + number + "/read_ahead_kb", "64\n");
  EXPECT_EQ(find().read_ahead_kib, 8192U);
}

TEST_F(disk_test, that_is_a_partition_has_the_queue_of_the_whole) {
  write("sys/devices/nvme0n1/queue/read_ahead_kb", "512\n");
  write("sys/devices/nvme0n1/nvme0n1p2/partition", "2\n");
  std::filesystem::create_directories(root() / "sys/dev/block");
  std::filesystem::create_directory_symlink("../../devices/nvme0n1/nvme0n1p2",
                                            root() / "sys/dev/block" / number);
  EXPECT_EQ(find().read_ahead_kib, 512U);
}

TEST_F(disk_test, without_a_queue_has_a_record_of_its_own) {
  write("sys/class/bdi/" + number + "/read_ahead_kb", "15360\n");
  EXPECT_EQ(find().read_ahead_kib, 15360U);
}

TEST_F(disk_test, about_which_nothing_is_known_is_said_to_be_unknown) {
  EXPECT_EQ(find().read_ahead_kib, std::nullopt);
  EXPECT_EQ(describe(find()), "unknown, read-ahead unknown");
  write("mountinfo", "garbage\n\n1 0 254:0 / / rw\n");
  EXPECT_EQ(describe(find()), "unknown, read-ahead unknown");
  EXPECT_EQ(describe({"/dev/vda", "ext4", 128}), "/dev/vda (ext4), read-ahead 128 KiB");
}

TEST_F(disk_test, of_a_file_that_is_not_there_is_an_error) {
  EXPECT_THROW(static_cast<void>(find_disk(root() / "nothing")), std::system_error);
}

} // namespace
} // namespace ckpt::apps::bench
