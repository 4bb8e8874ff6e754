// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/safetensors.hpp"

#include "io/error.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using tests::entry;
using tests::file_text;

safetensors_header parse(std::string_view json, std::uint64_t data_bytes) {
  return parse_safetensors_header(json, 8 + json.size() + data_bytes, "some.safetensors");
}

/// The message of the checkpoint_error that parsing ends with; empty when it does not.
std::string refusal(std::string_view json, std::uint64_t data_bytes) {
  try {
    (void)parse(json, data_bytes);
    return {};
  } catch (const checkpoint_error& error) {
    return error.what();
  }
}

std::vector<std::string> names(const safetensors_header& header) {
  std::vector<std::string> result;
  for (const auto& tensor : header.tensors)
    result.push_back(tensor.name);
  return result;
}

TEST(safetensors_header, gives_name_type_shape_and_place_in_the_file) {
  const auto json = '{' + entry("w", "BF16", "[2,3]", "[0,12]") + '}';
  const auto header = parse(json, 12);
  ASSERT_EQ(header.tensors.size(), 1U);
  const auto& tensor = header.tensors.front();
  EXPECT_EQ(header.data_offset, 8 + json.size());
  EXPECT_EQ(tensor.name, "w");
  EXPECT_EQ(tensor.type, dtype::bf16);
  EXPECT_EQ(tensor.shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(tensor.bytes, (extent{header.data_offset, 12}));
}

TEST(safetensors_header, lists_tensors_in_the_order_of_their_bytes) {
  const auto header = parse('{' + entry("b", "U8", "[4]", "[6,10]") + ',' + entry("a", "U8", "[1]", "[5,6]")
                                + ',' + entry("c", "U8", "[5]", "[0,5]") + '}',
                            10);
  EXPECT_EQ(names(header), (std::vector<std::string>{"c", "a", "b"}));
}

TEST(safetensors_header, reads_every_dtype) {
  for (const auto type : all_dtypes()) {
    SCOPED_TRACE(name(type));
    // Eight elements of any type fill whole bytes.
    const auto header = parse(
        '{' + entry("t", name(type), "[8]", "[0," + std::to_string(bits(type)) + ']') + '}', bits(type));
    ASSERT_EQ(header.tensors.size(), 1U);
    EXPECT_EQ(header.tensors.front().type, type);
    EXPECT_EQ(header.tensors.front().bytes.length, bits(type));
  }
}

TEST(safetensors_header, packed_types_count_in_bits) {
  EXPECT_EQ(refusal('{' + entry("t", "F4", "[2,3]", "[0,3]") + '}', 3), "");
  EXPECT_EQ(refusal('{' + entry("t", "F6_E2M3", "[4]", "[0,3]") + '}', 3), "");
  EXPECT_THAT(refusal('{' + entry("t", "F4", "[3]", "[0,2]") + '}', 2), HasSubstr("fill whole bytes"));
  EXPECT_THAT(refusal('{' + entry("t", "F6_E3M2", "[3]", "[0,3]") + '}', 3), HasSubstr("fill whole bytes"));
}

TEST(safetensors_header, a_scalar_has_no_dimensions_and_one_element) {
  const auto header = parse('{' + entry("s", "F64", "[]", "[0,8]") + '}', 8);
  EXPECT_TRUE(header.tensors.at(0).shape.empty());
  EXPECT_EQ(header.tensors.at(0).bytes.length, 8U);
}

TEST(safetensors_header, tensors_without_elements_may_lie_wherever_one_ends) {
  const auto header =
      parse('{' + entry("front", "F32", "[0]", "[0,0]") + ',' + entry("w", "F32", "[2]", "[0,8]") + ','
                + entry("z", "F32", "[3,0]", "[8,8]") + ',' + entry("y", "I64", "[0,0]", "[8,8]") + '}',
            8);
  EXPECT_EQ(names(header), (std::vector<std::string>{"front", "w", "y", "z"}));
}

TEST(safetensors_header, a_file_may_hold_no_tensors) {
  EXPECT_TRUE(parse("{}", 0).tensors.empty());
  EXPECT_TRUE(parse(R"({"__metadata__":{"format":"pt"}})", 0).tensors.empty());
  EXPECT_TRUE(parse(R"({"__metadata__":null})", 0).tensors.empty());
}

TEST(safetensors_header, metadata_maps_strings_to_strings) {
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":1}})", 0), HasSubstr("__metadata__ holds"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":{}}})", 0), HasSubstr("__metadata__ holds"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":[]}})", 0), HasSubstr("__metadata__ holds"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":null}})", 0), HasSubstr("__metadata__ holds"));
  EXPECT_THAT(refusal(R"({"__metadata__":[]})", 0), HasSubstr("__metadata__ is not"));
  EXPECT_THAT(refusal(R"({"__metadata__":"a"})", 0), HasSubstr("__metadata__ is not"));
  EXPECT_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})", 0), HasSubstr("twice"));
}

TEST(safetensors_header, space_around_the_json_is_padding) {
  EXPECT_EQ(refusal(" \n\t{" + entry("t", "U8", "[1]", "[0,1]") + "}   \n", 1), "");
  EXPECT_THAT(refusal('{' + entry("t", "U8", "[1]", "[0,1]") + '}' + std::string(2, '\0'), 1),
              HasSubstr("JSON"));
}

TEST(safetensors_header, unknown_fields_of_an_entry_are_passed_over) {
  for (const std::string_view value :
       {"1", "null", "\"dtype\"", "[1,[2,{}],\"x\"]", R"({"dtype":"U8","shape":[7]})"}) {
    const auto json = R"({"t":{"extra":)" + std::string{value}
                      + R"(,"dtype":"U8","more":[],"shape":[1],"data_offsets":[0,1]}})";
    EXPECT_EQ(refusal(json, 1), "") << json;
  }
}

TEST(safetensors_header, names_may_be_any_text) {
  const auto header = parse('{' + entry(R"(\u00e4\n\"\ud83d\ude00)", "U8", "[1]", "[0,1]") + ','
                                + entry("", "U8", "[1]", "[1,2]") + '}',
                            2);
  EXPECT_EQ(names(header), (std::vector<std::string>{"\u00e4\n\"\U0001F600", ""}));
}

TEST(safetensors_header, an_error_names_file_and_tensor_without_control_characters) {
  EXPECT_THAT(refusal('{' + entry(R"(a\u001b[2J\u0000b)", "U9", "[1]", "[0,1]") + '}', 1),
              AllOf(StartsWith("some.safetensors: tensor \"a?[2J?b\": "), HasSubstr("U9")));
  EXPECT_LT(refusal('{' + entry(std::string(1 << 20, 'n'), "U9", "[1]", "[0,1]") + '}', 1).size(), 2000U);
}

struct broken_case {
  std::string_view what;
  std::string json;
  std::uint64_t data_bytes;
  std::string_view message;
};

const std::vector<broken_case>& broken_cases() {
  static const std::vector<broken_case> cases{
      {"twice", '{' + entry("a", "U8", "[1]", "[0,1]") + ',' + entry("a", "U8", "[1]", "[1,2]") + '}', 2,
       "twice"},
      {"twice alike", '{' + entry("a", "U8", "[1]", "[0,1]") + ',' + entry("a", "U8", "[1]", "[0,1]") + '}',
       1, "twice"},
      {"twice when decoded",
       '{' + entry("a", "U8", "[0]", "[0,0]") + ',' + entry("\\u0061", "U8", "[0]", "[0,0]") + '}', 0,
       "twice"},
      {"dtype twice", R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
       "\"dtype\" twice"},
      {"shape twice", R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1,
       "\"shape\" twice"},
      {"offsets twice", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}})", 1,
       "\"data_offsets\" twice"},
      {"no dtype", R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, "no dtype"},
      {"no shape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, "no shape"},
      {"no offsets", R"({"a":{"dtype":"U8","shape":[1]}})", 1, "no data_offsets"},
      {"dtype number", R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}})", 1, "dtype is not a string"},
      {"dtype object", R"({"a":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}})", 1,
       "dtype is not a string"},
      {"shape text", R"({"a":{"dtype":"U8","shape":"1","data_offsets":[0,1]}})", 1, "shape is not an array"},
      {"shape of texts", '{' + entry("a", "U8", "[\"1\"]", "[0,1]") + '}', 1, "shape holds"},
      {"shape of arrays", '{' + entry("a", "U8", "[[1]]", "[0,1]") + '}', 1, "shape holds"},
      {"shape negative", '{' + entry("a", "U8", "[-1]", "[0,1]") + '}', 1, "shape holds"},
      {"shape minus zero", '{' + entry("a", "U8", "[-0]", "[0,0]") + '}', 0, "shape holds"},
      {"shape fraction", '{' + entry("a", "U8", "[1.0]", "[0,1]") + '}', 1, "shape holds"},
      {"shape exponent", '{' + entry("a", "U8", "[1e0]", "[0,1]") + '}', 1, "shape holds"},
      {"shape 2^64", '{' + entry("a", "U8", "[18446744073709551616]", "[0,1]") + '}', 1, "shape holds"},
      {"shape null", '{' + entry("a", "U8", "[null]", "[0,1]") + '}', 1, "shape holds"},
      {"offset fraction", '{' + entry("a", "U8", "[1]", "[0,1.5]") + '}', 1, "data_offsets holds"},
      {"three offsets", '{' + entry("a", "U8", "[1]", "[0,1,2]") + '}', 1, "more than two"},
      {"one offset", '{' + entry("a", "U8", "[0]", "[0]") + '}', 0, "fewer than two"},
      {"no offset", '{' + entry("a", "U8", "[0]", "[]") + '}', 0, "fewer than two"},
      {"backwards", '{' + entry("a", "U8", "[0]", "[1,0]") + '}', 1, "ends before it begins"},
      {"entry as array", R"({"a":["U8",[1],[0,1]]})", 1, "not described by"},
      {"entry null", R"({"a":null})", 0, "not described by"},
      {"size overflow", '{' + entry("a", "U8", "[4294967296,4294967296]", "[0,0]") + '}', 0, "64 bits"},
      {"size overflow in bits", '{' + entry("a", "F64", "[2305843009213693952]", "[0,0]") + '}', 0,
       "64 bits"},
      {"overflow before zero", '{' + entry("a", "U8", "[9223372036854775808,4,0]", "[0,0]") + '}', 0,
       "64 bits"},
      {"too small", '{' + entry("a", "F32", "[2]", "[0,4]") + '}', 4, "span 4 bytes"},
      {"too large", '{' + entry("a", "F32", "[1]", "[0,8]") + '}', 8, "span 8 bytes"},
      {"hole in front", '{' + entry("a", "U8", "[1]", "[1,2]") + '}', 2, "a hole of 1 bytes"},
      {"hole", '{' + entry("b", "U8", "[1]", "[0,1]") + ',' + entry("a", "U8", "[1]", "[3,4]") + '}', 4,
       "a hole of 2 bytes"},
      {"overlap", '{' + entry("b", "U8", "[2]", "[0,2]") + ',' + entry("a", "U8", "[2]", "[1,3]") + '}', 3,
       "overlaps tensor \"b\""},
      {"same place", '{' + entry("Z", "U8", "[2]", "[0,2]") + ',' + entry("a", "U8", "[2]", "[0,2]") + '}', 2,
       "overlaps tensor \"Z\""},
      {"empty inside another",
       '{' + entry("b", "U8", "[2]", "[0,2]") + ',' + entry("a", "U8", "[0]", "[1,1]") + '}', 2,
       "overlaps tensor \"b\""},
      {"beyond the end", '{' + entry("a", "U8", "[2]", "[0,2]") + '}', 1, "truncated"},
      {"empty beyond the end", '{' + entry("a", "U8", "[0]", "[1,1]") + '}', 0, "truncated"},
      {"far beyond the end",
       '{' + entry("a", "U8", "[1]", "[18446744073709551614,18446744073709551615]") + '}', 1, "truncated"},
  };
  return cases;
}

TEST(safetensors_header, a_broken_entry_is_refused_with_the_name_of_the_tensor) {
  for (const auto& broken : broken_cases()) {
    SCOPED_TRACE(broken.what);
    EXPECT_THAT(refusal(broken.json, broken.data_bytes),
                AllOf(StartsWith("some.safetensors: tensor \"a\": "), HasSubstr(broken.message)));
  }
}

TEST(safetensors_header, bytes_that_belong_to_no_tensor_are_refused) {
  EXPECT_THAT(refusal('{' + entry("a", "U8", "[1]", "[0,1]") + '}', 4), HasSubstr("3 bytes at the end"));
  EXPECT_THAT(refusal("{}", 1), HasSubstr("1 bytes at the end"));
}

TEST(safetensors_header, what_is_not_a_json_object_is_refused) {
  for (const std::string_view text : {"", " ", "null", "[]", "1", "\"x\"", "{", "{}{}", "{} x", "{,}",
                                      "{\"a\"}", "{\"a\":}", "\xef\xbb\xbf{}", "{}//", "{\"\xff\":1}",
                                      "{\"\\ud800\":1}", "{\"a\tb\":1}", "{\"__metadata__\":{\"a\":\"b\",}}"})
    EXPECT_THAT(refusal(text, 0), StartsWith("some.safetensors: the header is not ")) << text;
  const auto deep = R"({"a":{"x":)" + std::string(200, '[') + std::string(200, ']') + "}}";
  EXPECT_THAT(refusal(deep, 0), HasSubstr("not valid JSON"));
}

TEST(safetensors_header, every_cut_of_a_valid_header_is_refused) {
  const auto json = R"({"__metadata__":{"format":"pt"},)" + entry("a", "F32", "[2,2]", "[0,16]") + '}';
  ASSERT_EQ(refusal(json, 16), "");
  for (std::size_t length = 0; length < json.size(); ++length)
    EXPECT_NE(refusal(std::string_view{json}.substr(0, length), 16), "") << length;
}

TEST(safetensors_header, random_layouts_come_back_as_they_were_written) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  for (int round = 0; round < 200; ++round) {
    std::vector<tensor_entry> expected;
    std::vector<std::string> entries;
    std::uint64_t position = 0;
    const auto count = random() % 40;
    for (unsigned i = 0; i < count; ++i) {
      const auto type = all_dtypes()[random() % all_dtypes().size()];
      const std::uint64_t rows = random() % 5, columns = 4 * (random() % 9);
      const auto length = rows * columns * bits(type) / 8;
      expected.push_back({'t' + std::to_string(1000 + i), type, {rows, columns}, {position, length}});
      entries.push_back(entry(
          expected.back().name, name(type), '[' + std::to_string(rows) + ',' + std::to_string(columns) + ']',
          '[' + std::to_string(position) + ',' + std::to_string(position + length) + ']'));
      position += length;
    }
    std::shuffle(entries.begin(), entries.end(), random);
    std::string json = "{";
    for (const auto& text : entries)
      json += (json.size() > 1 ? "," : "") + text;
    const auto header = parse(json + '}', position);
    ASSERT_EQ(header.tensors.size(), expected.size());
    // Of several tensors at one place the empty ones come first, by name.
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.bytes.end() < b.bytes.end(); });
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.bytes.offset < b.bytes.offset; });
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(header.tensors[i].name, expected[i].name);
      EXPECT_EQ(header.tensors[i].type, expected[i].type);
      EXPECT_EQ(header.tensors[i].shape, expected[i].shape);
      EXPECT_EQ(header.tensors[i].bytes,
                (extent{expected[i].bytes.offset + header.data_offset, expected[i].bytes.length}));
    }
  }
}

std::string file_refusal(const std::filesystem::path& path) {
  try {
    (void)read_safetensors_header(path);
    return {};
  } catch (const checkpoint_error& error) {
    return error.what();
  }
}

TEST(safetensors_file, is_read_from_its_header) {
  const tests::temporary_directory directory;
  const auto path =
      directory.write("w.safetensors", file_text('{' + entry("w", "F32", "[1]", "[0,4]") + '}', 4));
  EXPECT_EQ(names(read_safetensors_header(path)), std::vector<std::string>{"w"});
}

TEST(safetensors_file, with_an_impossible_length_field_is_refused_by_name) {
  const tests::temporary_directory directory;
  const auto refused = [&](std::string_view contents) {
    const auto path = directory.write("w.safetensors", contents);
    auto message = file_refusal(path);
    EXPECT_THAT(message, StartsWith(path.native() + ": "));
    return message;
  };
  EXPECT_THAT(refused(""), HasSubstr("too short"));
  EXPECT_THAT(refused("1234567"), HasSubstr("too short"));
  EXPECT_THAT(refused(tests::length_field(0)), HasSubstr("JSON"));
  EXPECT_THAT(refused(tests::length_field(3) + "{}"), HasSubstr("the file has only 10"));
  EXPECT_THAT(refused(tests::length_field(header_bytes_max + 1) + "{}"),
              HasSubstr("more than the 100000000"));
  EXPECT_THAT(refused(tests::length_field(~std::uint64_t{0}) + "{}"), HasSubstr("more than the 100000000"));
  EXPECT_THAT(refused("unlike any other"), HasSubstr("not a safetensors file?"));
}

TEST(safetensors_file, a_header_of_exactly_the_limit_is_read) {
  const tests::temporary_directory directory;
  std::string header = '{' + entry("w", "U8", "[1]", "[0,1]") + '}';
  header.resize(header_bytes_max, ' ');
  EXPECT_EQ(file_refusal(directory.write("w.safetensors", file_text(header, 1))), "");
}

TEST(safetensors_file, that_does_not_exist_is_a_system_error_with_its_name) {
  const tests::temporary_directory directory;
  const auto path = directory.path() / "absent";
  try {
    (void)read_safetensors_header(path);
    FAIL() << "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr(path.native()));
  }
}

TEST(safetensors_file, that_is_a_directory_is_refused) {
  const tests::temporary_directory directory;
  EXPECT_THAT(file_refusal(directory.path()), HasSubstr("not a regular file"));
}

} // namespace
} // namespace ckpt::io
