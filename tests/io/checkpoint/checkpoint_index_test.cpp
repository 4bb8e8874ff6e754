// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/checkpoint_index.hpp"

#include "io/error.hpp"

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

std::string refusal(std::string_view json) {
  try {
    (void)parse_checkpoint_index(json, "the.index.json");
    return {};
  } catch (const checkpoint_error& error) {
    return error.what();
  }
}

TEST(checkpoint_index, gives_the_files_by_name_with_their_tensors) {
  const auto files = parse_checkpoint_index(R"({"metadata":{"total_size":1,"more":[{}]},
      "weight_map":{"x":"2","a":"1","y":"2","b":"1","z":"2"},"other":[["weight_map"]]})",
                                            "the.index.json");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "1");
  EXPECT_EQ(files[0].tensors, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(files[1].name, "2");
  EXPECT_EQ(files[1].tensors, (std::vector<std::string>{"x", "y", "z"}));
}

TEST(checkpoint_index, may_name_files_in_folders_below_its_own) {
  const auto files =
      parse_checkpoint_index(R"({"weight_map":{"a":"part/one.safetensors","b":"..x/.y"}})", "i");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "..x/.y");
  EXPECT_EQ(files[1].name, "part/one.safetensors");
}

TEST(checkpoint_index, paths_out_of_the_directory_or_with_two_spellings_are_refused) {
  for (const std::string_view path : {"", ".", "..", "/etc/passwd", "../w", "a/../../w", "a/..", "a/../w",
                                      "./../w", ".//w", "./", "a//w", "a/", "a/.", "w\\u0000.safetensors"}) {
    const auto json = R"({"weight_map":{"t":")" + std::string{path} + "\"}}";
    EXPECT_THAT(refusal(json),
                AllOf(StartsWith("the.index.json: tensor \"t\": "), HasSubstr("not a plain path")))
        << path;
  }
}

TEST(checkpoint_index, a_leading_dot_means_nothing) {
  const auto files =
      parse_checkpoint_index(R"({"weight_map":{"t":"./1","u":"1","v":"././a/2"}})", "the.index.json");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "1");
  EXPECT_EQ(files[0].tensors, (std::vector<std::string>{"t", "u"}));
  EXPECT_EQ(files[1].name, "a/2");
}

TEST(checkpoint_index, a_byte_order_mark_is_refused_as_python_does) {
  EXPECT_THAT(refusal("\xef\xbb\xbf{\"weight_map\":{\"t\":\"1\"}}"), HasSubstr("byte-order mark"));
}

TEST(checkpoint_index, a_tensor_named_twice_is_refused) {
  EXPECT_THAT(refusal(R"({"weight_map":{"t":"1","t":"1"}})"),
              AllOf(HasSubstr("tensor \"t\""), HasSubstr("twice")));
  EXPECT_THAT(refusal(R"({"weight_map":{"t":"1","u":"1","\u0074":"2"}})"),
              AllOf(HasSubstr("tensor \"t\""), HasSubstr("twice")));
}

TEST(checkpoint_index, a_weight_map_of_the_wrong_form_is_refused) {
  EXPECT_THAT(refusal("{}"), HasSubstr("no weight_map"));
  EXPECT_THAT(refusal(R"({"metadata":{"weight_map":{"t":"1"}}})"), HasSubstr("no weight_map"));
  EXPECT_THAT(refusal(R"({"weight_map":{}})"), HasSubstr("names no tensor"));
  EXPECT_THAT(refusal(R"({"weight_map":{"t":"1"},"weight_map":{"u":"1"}})"), HasSubstr("weight_map twice"));
  for (const std::string_view value : {"null", "1", "\"x\"", "[]", "true"})
    EXPECT_THAT(refusal(R"({"weight_map":)" + std::string{value} + '}'), HasSubstr("weight_map is not"))
        << value;
  for (const std::string_view value : {"null", "1", "{}", "[]", "[\"x\"]", "-1.5"})
    EXPECT_THAT(refusal(R"({"weight_map":{"t":)" + std::string{value} + "}}"),
                AllOf(HasSubstr("tensor \"t\""), HasSubstr("does not give the name of a file")))
        << value;
}

TEST(checkpoint_index, what_is_not_a_json_object_is_refused) {
  for (const std::string_view text :
       {"", "null", "[]", "\"weight_map\"", "3", "{", "{}{}", R"({"weight_map":{"t":"1"})"})
    EXPECT_THAT(refusal(text), StartsWith("the.index.json: the index is not ")) << text;
}

} // namespace
} // namespace ckpt::io
