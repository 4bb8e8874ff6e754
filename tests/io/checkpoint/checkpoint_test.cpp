// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/checkpoint.hpp"

#include "io/error.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/stat.h>

namespace ckpt::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using tests::bytes_named;
using tests::entry;
using tests::file_text;
using tests::index_text;
using tests::temporary_directory;

constexpr std::string_view index_file = "model.safetensors.index.json";

/// "file name:tensor name" of each tensor, in the order of the table.
std::vector<std::string> table(const checkpoint& source) {
  std::vector<std::string> result;
  for (const auto& tensor : source.tensors)
    result.push_back(source.files.at(tensor.file).path.filename().native() + ':' + tensor.name);
  return result;
}

std::string refusal(const std::filesystem::path& path, unsigned threads = 4) {
  try {
    (void)open_checkpoint(path, threads);
    return {};
  } catch (const checkpoint_error& error) {
    return error.what();
  }
}

using names = std::vector<std::string>;

TEST(checkpoint, with_an_index_consists_of_the_files_it_names_and_no_others) {
  const temporary_directory directory;
  directory.write("b.safetensors", bytes_named({"y", "x"}));
  directory.write("a.safetensors", bytes_named({"z"}));
  directory.write("consolidated.safetensors", bytes_named({"x", "y", "z"}));
  directory.write("broken.safetensors", "not a safetensors file");
  directory.write(index_file, index_text(R"("x":"b.safetensors","y":"b.safetensors","z":"a.safetensors")"));
  const auto opened = open_checkpoint(directory.path());
  EXPECT_EQ(opened.path, directory.path());
  EXPECT_EQ(table(opened), (names{"a.safetensors:z", "b.safetensors:y", "b.safetensors:x"}));
  EXPECT_EQ(opened.tensor_bytes, 3U);
}

TEST(checkpoint, without_an_index_consists_of_all_safetensors_files) {
  const temporary_directory directory;
  directory.write("2.safetensors", bytes_named({"a"}));
  directory.write("1.safetensors", bytes_named({"b"}));
  directory.write(".3.safetensors", "hidden: an unfinished download");
  directory.write("config.json", "{}");
  directory.write("safetensors", "no such extension");
  EXPECT_EQ(table(open_checkpoint(directory.path())), (names{"1.safetensors:b", "2.safetensors:a"}));
}

TEST(checkpoint, may_be_a_single_file_of_any_name) {
  const temporary_directory directory;
  EXPECT_EQ(table(open_checkpoint(directory.write("blob", bytes_named({"a", "b"})))),
            (names{"blob:a", "blob:b"}));
}

TEST(checkpoint, files_without_tensors_are_left_out) {
  const temporary_directory directory;
  directory.write("1.safetensors", file_text("{}", 0));
  directory.write("2.safetensors", bytes_named({"a"}));
  const auto opened = open_checkpoint(directory.path());
  EXPECT_EQ(opened.files.size(), 1U);
  EXPECT_EQ(table(opened), names{"2.safetensors:a"});
}

TEST(checkpoint, remembers_what_identifies_the_version_of_each_file) {
  const temporary_directory directory;
  const auto path = directory.write("a.safetensors", bytes_named({"t", "u"}));
  const auto opened = open_checkpoint(directory.path());
  const auto& file = opened.files.at(0);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(file.path, path);
  EXPECT_EQ(file.bytes, static_cast<std::uint64_t>(status.st_size));
  EXPECT_EQ(file.stamp.device, status.st_dev);
  EXPECT_EQ(file.stamp.inode, status.st_ino);
  EXPECT_EQ(file.stamp.modified_ns,
            std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
  EXPECT_EQ(file.stamp.changed_ns,
            std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec);
  EXPECT_EQ(file.data_offset, file.bytes - 2);
  EXPECT_EQ(opened.tensors.at(1).bytes, (extent{file.bytes - 1, 1}));
}

TEST(checkpoint, follows_links_of_hub_caches) {
  const temporary_directory directory;
  std::filesystem::create_directories(directory.path() / "blobs");
  std::filesystem::create_directories(directory.path() / "snapshots/main");
  const auto blob = directory.write("blobs/1f2e", bytes_named({"t"}));
  directory.write("blobs/3d4c", index_text(R"("t":"model-00001-of-00001.safetensors")"));
  const auto snapshot = directory.path() / "snapshots/main";
  std::filesystem::create_symlink("../../blobs/1f2e", snapshot / "model-00001-of-00001.safetensors");
  std::filesystem::create_symlink("../../blobs/3d4c", snapshot / index_file);
  std::filesystem::create_directory_symlink("snapshots/main", directory.path() / "latest");
  const auto opened = open_checkpoint(directory.path() / "latest");
  EXPECT_EQ(table(opened), names{"model-00001-of-00001.safetensors:t"});
  struct stat status {};
  ASSERT_EQ(::stat(blob.c_str(), &status), 0);
  EXPECT_EQ(opened.files.at(0).stamp.inode, status.st_ino);
}

TEST(checkpoint, is_what_lay_in_the_directory_at_one_moment) {
  const temporary_directory directory;
  const auto replace = [&](const std::string& file, int generation) {
    const auto fresh = directory.write(file + ".new", bytes_named({file + std::to_string(generation)}));
    std::filesystem::rename(fresh, directory.path() / (file + ".safetensors"));
  };
  replace("a", 0);
  replace("b", 0);
  // The first file is always replaced before the second.
  std::jthread trainer{[&](const std::stop_token& stop) {
    for (int generation = 1; !stop.stop_requested(); ++generation) {
      replace("a", generation);
      replace("b", generation);
    }
  }};
  // Until a file was replaced at a bad moment: the trainer may get a processor late.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  int refused = 0;
  for (int round = 0; round < 100 || refused == 0; ++round) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "nothing was replaced at a bad moment";
    try {
      const auto opened = open_checkpoint(directory.path(), 1);
      const auto generation = [&](std::size_t tensor) {
        return std::stoi(opened.tensors.at(tensor).name.substr(1));
      };
      EXPECT_GE(generation(0), generation(1));
    } catch (const checkpoint_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("was replaced by another file while the checkpoint was opened"));
      ++refused;
    }
  }
}

TEST(checkpoint, knows_which_files_lie_in_memory) {
  const temporary_directory in_memory{"/dev/shm"};
  const auto opened = open_checkpoint(in_memory.write("a", bytes_named({"t"})));
  EXPECT_TRUE(opened.files.at(0).in_memory);
}

TEST(checkpoint, a_link_that_leads_nowhere_is_an_error_with_its_name) {
  const temporary_directory directory;
  directory.write("a.safetensors", bytes_named({"t"}));
  std::filesystem::create_symlink("nowhere", directory.path() / index_file);
  try {
    (void)open_checkpoint(directory.path());
    FAIL() << "the index that cannot be read was ignored";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr((directory.path() / index_file).native()));
  }
}

TEST(checkpoint, a_file_that_the_index_names_must_exist) {
  const temporary_directory directory;
  directory.write(index_file, index_text(R"("t":"model-1.safetensors")"));
  try {
    (void)open_checkpoint(directory.path());
    FAIL() << "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr((directory.path() / "model-1.safetensors").native()));
  }
}

TEST(checkpoint, a_tensor_that_the_index_misplaces_is_refused) {
  const temporary_directory directory;
  directory.write("1.safetensors", bytes_named({"t"}));
  directory.write("2.safetensors", bytes_named({"u"}));
  const auto refused = [&](std::string_view weight_map) {
    directory.write(index_file, index_text(weight_map));
    return refusal(directory.path());
  };
  EXPECT_THAT(refused(R"("t":"1.safetensors","v":"1.safetensors","u":"2.safetensors")"),
              AllOf(StartsWith((directory.path() / "1.safetensors").native() + ": tensor \"v\": "),
                    HasSubstr("is not in this file")));
  EXPECT_THAT(refused(R"("t":"2.safetensors","u":"2.safetensors")"),
              AllOf(HasSubstr("2.safetensors: tensor \"t\""), HasSubstr("is not in this file")));
}

TEST(checkpoint, a_tensor_in_two_files_without_an_index_is_refused_with_both) {
  const temporary_directory directory;
  directory.write("first.safetensors", bytes_named({"t", "u"}));
  directory.write("model.safetensors", bytes_named({"u"}));
  EXPECT_THAT(refusal(directory.path()),
              AllOf(StartsWith((directory.path() / "model.safetensors").native() + ": tensor \"u\": "),
                    HasSubstr((directory.path() / "first.safetensors").native()), HasSubstr(index_file)));
}

TEST(checkpoint, an_index_that_leaves_the_directory_is_refused) {
  const temporary_directory directory;
  std::filesystem::create_directory(directory.path() / "inner");
  directory.write("a.safetensors", bytes_named({"t"}));
  directory.write("inner/" + std::string{index_file}, index_text(R"("t":"../a.safetensors")"));
  EXPECT_THAT(refusal(directory.path() / "inner"),
              AllOf(HasSubstr(index_file), HasSubstr("../a.safetensors")));
}

TEST(checkpoint, a_directory_without_safetensors_is_refused) {
  const temporary_directory directory;
  directory.write("pytorch_model.bin", "x");
  EXPECT_THAT(refusal(directory.path()),
              AllOf(StartsWith(directory.path().native() + ": "), HasSubstr("*.safetensors")));
}

TEST(checkpoint, without_any_tensor_is_refused) {
  const temporary_directory directory;
  EXPECT_THAT(refusal(directory.write("empty.safetensors", file_text("{}", 0))),
              HasSubstr("holds no tensors"));
  EXPECT_THAT(refusal(directory.path()), HasSubstr("holds no tensors"));
}

TEST(checkpoint, what_is_not_a_file_is_refused_without_waiting_for_it) {
  const temporary_directory directory;
  ASSERT_EQ(::mkfifo((directory.path() / "pipe.safetensors").c_str(), 0600), 0);
  EXPECT_THAT(refusal(directory.path()),
              AllOf(HasSubstr("pipe.safetensors"), HasSubstr("not a regular file")));
  EXPECT_THAT(refusal(directory.path() / "pipe.safetensors"), HasSubstr("not a regular file"));
  EXPECT_THROW((void)open_checkpoint(directory.path() / "absent"), std::system_error);
}

TEST(checkpoint, the_error_reported_is_that_of_the_first_file_whatever_the_threads) {
  const temporary_directory directory;
  for (int i = 10; i < 40; ++i)
    directory.write(std::to_string(i) + ".safetensors", i < 13 ? bytes_named({std::to_string(i)}) : "short");
  for (const unsigned threads : {0U, 1U, 2U, 7U, 1000U})
    EXPECT_THAT(refusal(directory.path(), threads), HasSubstr("13.safetensors"));
}

TEST(checkpoint, is_the_same_whatever_the_number_of_threads) {
  const temporary_directory directory;
  names expected;
  for (int i = 10; i < 60; ++i) {
    const auto file = std::to_string(i) + ".safetensors";
    directory.write(file, bytes_named({'a' + std::to_string(i), 'b' + std::to_string(i)}));
    expected.push_back(file + ":a" + std::to_string(i));
    expected.push_back(file + ":b" + std::to_string(i));
  }
  for (const unsigned threads : {0U, 1U, 2U, 7U, 1000U})
    EXPECT_EQ(table(open_checkpoint(directory.path(), threads)), expected);
}

checkpoint of_one_tensor(const temporary_directory& directory, const std::string& entry_text,
                         std::uint64_t bytes) {
  return open_checkpoint(directory.write("one.safetensors", file_text('{' + entry_text + '}', bytes)));
}

TEST(sendable, is_what_torch_has_a_name_for) {
  const temporary_directory directory;
  for (const auto type : all_dtypes()) {
    SCOPED_TRACE(name(type));
    const auto source = of_one_tensor(
        directory, entry("t", name(type), "[8]", "[0," + std::to_string(bits(type)) + ']'), bits(type));
    if (torch_name(type)) {
      EXPECT_NO_THROW(require_sendable(source));
      continue;
    }
    try {
      require_sendable(source);
      FAIL() << "no error";
    } catch (const checkpoint_error& error) {
      EXPECT_THAT(error.what(), AllOf(StartsWith(source.files.at(0).path.native() + ": tensor \"t\": "),
                                      HasSubstr(std::string{name(type)})));
    }
  }
}

TEST(sendable, pairs_of_f4_lie_in_the_last_dimension) {
  const temporary_directory directory;
  const auto even = of_one_tensor(directory, entry("t", "F4", "[3,4]", "[0,6]"), 6);
  EXPECT_NO_THROW(require_sendable(even));
  EXPECT_EQ(torch_shape(even.tensors.at(0)), (std::vector<std::uint64_t>{3, 2}));
  const auto odd = of_one_tensor(directory, entry("t", "F4", "[4,3]", "[0,6]"), 6);
  EXPECT_THROW(require_sendable(odd), checkpoint_error);
}

TEST(sendable, other_shapes_stay_as_they_are) {
  const temporary_directory directory;
  const auto matrix = of_one_tensor(directory, entry("t", "BF16", "[3,1]", "[0,6]"), 6);
  EXPECT_EQ(torch_shape(matrix.tensors.at(0)), (std::vector<std::uint64_t>{3, 1}));
  const auto scalar = of_one_tensor(directory, entry("t", "U8", "[]", "[0,1]"), 1);
  EXPECT_TRUE(torch_shape(scalar.tensors.at(0)).empty());
}

} // namespace
} // namespace ckpt::io
