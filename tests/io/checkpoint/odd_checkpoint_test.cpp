// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Checkpoints whose index and files do not quite fit together, and that engines load all the same.

#include "io/checkpoint/checkpoint.hpp"
#include "io/error.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using tests::bytes_named;
using tests::index_text;
using tests::temporary_directory;

constexpr std::string_view index_file = "model.safetensors.index.json";

using names = std::vector<std::string>;

/// "file name:tensor name" of each tensor, in the order of the table.
names table(const checkpoint& source) {
  names result;
  for (const auto& tensor : source.tensors)
    result.push_back(source.files.at(tensor.file).path.filename().native() + ':' + tensor.name);
  return result;
}

TEST(odd_checkpoint, tensors_that_the_index_does_not_name_belong_to_it) {
  const temporary_directory directory;
  directory.write("1.safetensors", bytes_named({"t"}));
  directory.write("2.safetensors", bytes_named({"u", "more", "and more"}));
  directory.write(index_file, index_text(R"("t":"1.safetensors","u":"2.safetensors")"));
  const auto opened = open_checkpoint(directory.path());
  EXPECT_EQ(table(opened),
            (names{"1.safetensors:t", "2.safetensors:u", "2.safetensors:more", "2.safetensors:and more"}));
  ASSERT_EQ(opened.remarks.size(), 1U);
  EXPECT_THAT(opened.remarks[0], AllOf(StartsWith((directory.path() / "2.safetensors").native()
                                                  + ": 2 tensor(s), \"more\" first"),
                                       HasSubstr("2 placed nowhere are sent")));
  directory.write("1.safetensors", bytes_named({"t", "more"}));
  try {
    (void)open_checkpoint(directory.path());
    FAIL() << "one of them would be lost";
  } catch (const checkpoint_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("2.safetensors: tensor \"more\""),
                                    HasSubstr("1.safetensors, and"), HasSubstr("places it nowhere")));
  }
}

TEST(odd_checkpoint, of_a_tensor_in_two_files_the_index_chooses_one) {
  const temporary_directory directory;
  directory.write("1.safetensors", bytes_named({"a", "t", "b"}));
  directory.write("2.safetensors", bytes_named({"t", "u"}));
  directory.write(
      index_file,
      index_text(R"("a":"1.safetensors","b":"1.safetensors","t":"2.safetensors","u":"./2.safetensors")"));
  const auto opened = open_checkpoint(directory.path());
  EXPECT_EQ(table(opened),
            (names{"1.safetensors:a", "1.safetensors:b", "2.safetensors:t", "2.safetensors:u"}));
  EXPECT_EQ(opened.tensor_bytes, 4U);
  ASSERT_EQ(opened.remarks.size(), 1U);
  EXPECT_THAT(opened.remarks[0], HasSubstr("1 placed in another file are taken from that"));
}

TEST(odd_checkpoint, files_that_the_index_does_not_name_are_left_out_and_said) {
  const temporary_directory directory;
  directory.write("1.safetensors", bytes_named({"t"}));
  directory.write("mtp.safetensors", bytes_named({"u"}));
  directory.write("consolidated.safetensors", "no safetensors file");
  directory.write(index_file, index_text(R"("t":"1.safetensors")"));
  const auto opened = open_checkpoint(directory.path());
  EXPECT_EQ(table(opened), (names{"1.safetensors:t"}));
  ASSERT_EQ(opened.remarks.size(), 1U);
  EXPECT_THAT(opened.remarks[0], AllOf(StartsWith(directory.path().native()),
                                       HasSubstr("consolidated.safetensors, mtp.safetensors")));
}

TEST(odd_checkpoint, a_second_copy_without_an_index_is_left_out_and_said) {
  const temporary_directory directory;
  directory.write("consolidated.safetensors", bytes_named({"layers.0.t"}));
  directory.write("model.safetensors", bytes_named({"model.layers.0.t"}));
  const auto opened = open_checkpoint(directory.path());
  EXPECT_EQ(table(opened), (names{"model.safetensors:model.layers.0.t"}));
  ASSERT_EQ(opened.remarks.size(), 1U);
  EXPECT_THAT(opened.remarks[0], HasSubstr("left out, a second copy"));
}

TEST(odd_checkpoint, missing_numbers_are_said_with_and_without_an_index) {
  const temporary_directory directory;
  directory.write("model-00001-of-00003.safetensors", bytes_named({"t"}));
  directory.write("model-00003-of-00003.safetensors", bytes_named({"u"}));
  const auto gap = HasSubstr("1 of 3 numbered files are missing, number 2 first");
  EXPECT_THAT(open_checkpoint(directory.path()).remarks, testing::ElementsAre(gap));
  directory.write(index_file, index_text(R"("t":"model-00001-of-00003.safetensors",)"
                                         R"("u":"model-00003-of-00003.safetensors")"));
  EXPECT_THAT(open_checkpoint(directory.path()).remarks, testing::ElementsAre(gap));
}

TEST(odd_checkpoint, one_file_of_several_is_said_to_be_that) {
  const temporary_directory directory;
  directory.write("model-00001-of-00002.safetensors", bytes_named({"t"}));
  directory.write("whole.safetensors", bytes_named({"t"}));
  EXPECT_THAT(open_checkpoint(directory.path() / "model-00001-of-00002.safetensors").remarks,
              testing::ElementsAre(HasSubstr("one file of several")));
  EXPECT_TRUE(open_checkpoint(directory.path() / "whole.safetensors").remarks.empty());
  directory.write(index_file, index_text(R"("t":"whole.safetensors")"));
  EXPECT_THAT(open_checkpoint(directory.path() / "whole.safetensors").remarks,
              testing::ElementsAre(HasSubstr("may name more")));
}

TEST(odd_checkpoint, without_anything_odd_there_is_nothing_to_remark) {
  const temporary_directory directory;
  directory.write("1.safetensors", bytes_named({"t"}));
  EXPECT_TRUE(open_checkpoint(directory.path()).remarks.empty());
  directory.write(index_file, index_text(R"("t":"1.safetensors")"));
  EXPECT_TRUE(open_checkpoint(directory.path()).remarks.empty());
}

} // namespace
} // namespace ckpt::io
