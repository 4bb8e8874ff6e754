// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/tensor_table.hpp"

#include "io/error.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ckpt::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using tests::bytes_named;
using tests::entry;
using tests::file_text;
using tests::temporary_directory;

/// The table of two files: a (16 bytes), three tensors without elements, packed (2 bytes), sixes (3 bytes); b, c.
checkpoint opened() {
  const temporary_directory directory;
  directory.write("1.safetensors", file_text('{' + entry("a", "F32", "[2,2]", "[0,16]") + ','
                                                 + entry("none", "U8", "[0]", "[16,16]") + ','
                                                 + entry("none either", "F32", "[3,0,5]", "[16,16]") + ','
                                                 + entry("wide", "F64", "[9223372036854775808,0]", "[16,16]")
                                                 + ',' + entry("packed", "F4", "[4]", "[16,18]") + ','
                                                 + entry("sixes", "F6_E2M3", "[2,2]", "[18,21]") + '}',
                                             21));
  directory.write("2.safetensors", bytes_named({"b", "c"}));
  return open_checkpoint(directory.path());
}

checkpoint_tensor& named(checkpoint& table, std::string_view name) {
  return *std::ranges::find(table.tensors, name, &checkpoint_tensor::name);
}

std::string refusal(const checkpoint& table) {
  try {
    require_sound_table(table, "the other host");
  } catch (const checkpoint_error& error) {
    EXPECT_THAT(error.what(), StartsWith("the other host: "));
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

/// Why the sound table is refused after `change`.
std::string refusal_after(const std::function<void(checkpoint&)>& change) {
  auto table = opened();
  change(table);
  return refusal(table);
}

/// The same where the change is to one tensor; it has to be named.
std::string refusal_after(std::string_view name, const std::function<void(checkpoint_tensor&)>& change) {
  auto table = opened();
  auto& tensor = named(table, name);
  change(tensor);
  const auto why = refusal(table);
  EXPECT_THAT(why, HasSubstr("tensor \"" + tensor.name + '"'));
  return why;
}

constexpr auto most = std::numeric_limits<std::uint64_t>::max();
constexpr auto most_of_a_file = std::uint64_t{std::numeric_limits<std::int64_t>::max()};

TEST(tensor_table, of_a_checkpoint_that_was_opened_is_sound) {
  const auto table = opened();
  ASSERT_EQ(table.tensors.size(), 8U);
  ASSERT_EQ(table.tensor_bytes, 23U);
  EXPECT_NO_THROW(require_sound_table(table, "the other host"));
}

TEST(tensor_table, may_have_holes) {
  auto table = opened();
  table.tensor_bytes -= named(table, "packed").bytes.length;
  std::erase_if(table.tensors, [](const auto& tensor) { return tensor.name == "packed"; });
  EXPECT_NO_THROW(require_sound_table(table, "the other host"));
}

TEST(tensor_table, refuses_files_that_cannot_be_told_apart) {
  EXPECT_THAT(refusal_after([](auto& table) { table.files[1].path = ""; }),
              HasSubstr("a file without a name"));
  EXPECT_THAT(refusal_after([](auto& table) { table.files[1].path = "/directory/"; }),
              HasSubstr("a file without a name"));
  EXPECT_THAT(refusal_after([](auto& table) { table.files[1].path = "/elsewhere/1.safetensors"; }),
              HasSubstr("two of the same name: \"1.safetensors\""));
}

TEST(tensor_table, refuses_sizes_that_no_file_has) {
  for (const auto bytes : {most_of_a_file + 1, most})
    EXPECT_THAT(refusal_after([&](auto& table) { table.files[0].bytes = bytes; }),
                HasSubstr("1.safetensors has a size that cannot be"))
        << bytes;
  EXPECT_THAT(refusal_after([](auto& table) { table.files[1].data_offset = table.files[1].bytes + 1; }),
              HasSubstr("2.safetensors has a size that cannot be"));
}

TEST(tensor_table, refuses_tensors_that_cannot_be_told_apart) {
  EXPECT_THAT(refusal_after("b", [](auto& tensor) { tensor.name.clear(); }), HasSubstr("has no name"));
  EXPECT_THAT(refusal_after("packed", [](auto& tensor) { tensor.name = "a"; }), HasSubstr("there twice"));
  EXPECT_THAT(refusal_after("c", [](auto& tensor) { tensor.name = "a"; }), HasSubstr("there twice"))
      << "in another file";
}

TEST(tensor_table, refuses_a_dtype_that_there_is_not) {
  for (const auto type : {all_dtypes().size(), std::size_t{250}, std::size_t{255}}) {
    EXPECT_THAT(refusal_after("a", [&](auto& tensor) { tensor.type = static_cast<dtype>(type); }),
                HasSubstr("a shape and a dtype that do not give its bytes"))
        << type;
    EXPECT_THAT(refusal_after("none", [&](auto& tensor) { tensor.type = static_cast<dtype>(type); }),
                HasSubstr("a shape and a dtype that do not give its bytes"))
        << type << " of a tensor without elements";
  }
}

TEST(tensor_table, refuses_shapes_that_give_other_bytes) {
  using shape = std::vector<std::uint64_t>;
  for (const auto& other : {shape{}, shape{0}, shape{3}, shape{5}, shape{2, 2, 2}, shape{most},
                            shape{most, most}, shape{1ULL << 32, 1ULL << 32}, shape{1ULL << 63, 2, 4}})
    EXPECT_THAT(refusal_after("a", [&](auto& tensor) { tensor.shape = other; }),
                HasSubstr("a shape and a dtype that do not give its bytes"));
  EXPECT_THAT(refusal_after("a", [](auto& tensor) { tensor.type = dtype::f16; }),
              HasSubstr("a shape and a dtype that do not give its bytes"));
  EXPECT_THAT(refusal_after("a", [](auto& tensor) { tensor.bytes.length = 15; }),
              HasSubstr("a shape and a dtype that do not give its bytes"));
}

TEST(tensor_table, is_not_deceived_by_shapes_whose_bytes_overflow) {
  using shape = std::vector<std::uint64_t>;
  // Modulo 2^64 each of them makes the bytes that the tensor has: none, or 16.
  for (const auto& wrapping : {shape{1ULL << 61}, shape{1ULL << 32, 1ULL << 32}, shape{1ULL << 63, 2},
                               shape{1ULL << 63, 2, 0}, shape{1ULL << 60, 1ULL << 60, 1ULL << 60}})
    EXPECT_THAT(refusal_after("none", [&](auto& tensor) { tensor.shape = wrapping; }),
                HasSubstr("a shape and a dtype that do not give its bytes"));
  EXPECT_THAT(refusal_after("a", [](auto& tensor) { tensor.shape = {(1ULL << 59) + 4}; }),
              HasSubstr("a shape and a dtype that do not give its bytes"));
}

TEST(tensor_table, refuses_packed_elements_that_do_not_fill_their_bytes) {
  using shape = std::vector<std::uint64_t>;
  for (const std::uint64_t length : {1, 2})
    for (const auto& odd : {shape{3}, shape{1, 3}, shape{}})
      EXPECT_THAT(refusal_after("packed",
                                [&](auto& tensor) {
                                  tensor.shape = odd;
                                  tensor.bytes.length = length;
                                }),
                  HasSubstr("a shape and a dtype that do not give its bytes"));
  EXPECT_THAT(refusal_after("sixes", [](auto& tensor) { tensor.shape = {3}; }),
              HasSubstr("a shape and a dtype that do not give its bytes"));
}

TEST(tensor_table, refuses_tensors_outside_their_file) {
  for (const auto file : {2U, std::numeric_limits<std::uint32_t>::max()})
    EXPECT_THAT(refusal_after("c", [&](auto& tensor) { tensor.file = file; }),
                HasSubstr("lies in a file that is not there"));
  EXPECT_THAT(refusal_after("a", [](auto& tensor) { tensor.bytes.offset -= 1; }),
              HasSubstr("lies outside its file"))
      << "in the header";
  EXPECT_THAT(refusal_after("a", [](auto& tensor) { tensor.bytes.offset = 0; }),
              HasSubstr("lies outside its file"));
  EXPECT_THAT(refusal_after("c", [](auto& tensor) { tensor.bytes.offset += 1; }),
              HasSubstr("lies outside its file"))
      << "one byte of it";
  for (const auto offset : {most, most - 15, most_of_a_file, most_of_a_file + 1})
    EXPECT_THAT(refusal_after("a", [&](auto& tensor) { tensor.bytes.offset = offset; }),
                HasSubstr("lies outside its file"))
        << offset;
  EXPECT_THAT(refusal_after("none", [](auto& tensor) { tensor.bytes.offset = most; }),
              HasSubstr("lies outside its file"))
      << "even without elements";
}

TEST(tensor_table, refuses_tensors_that_overlap_or_are_out_of_order) {
  const auto complaint = HasSubstr("overlaps the one before it, or is out of order");
  EXPECT_THAT(refusal_after("packed", [](auto& tensor) { tensor.bytes.offset -= 1; }), complaint);
  EXPECT_THAT(refusal_after("none", [](auto& tensor) { tensor.bytes.offset -= 1; }), complaint)
      << "without elements, inside another";
  EXPECT_THAT(refusal_after("c", [](auto& tensor) { tensor.bytes.offset -= 1; }), complaint)
      << "the same bytes as another";
  EXPECT_THAT(refusal_after([](auto& table) { std::swap(named(table, "b"), named(table, "c")); }),
              AllOf(complaint, HasSubstr("tensor \"b\"")));
  EXPECT_THAT(refusal_after([](auto& table) { std::swap(table.tensors.front(), table.tensors.back()); }),
              AllOf(complaint, HasSubstr("tensor \"none\"")))
      << "the later file first";
}

TEST(tensor_table, refuses_a_sum_that_is_not_that_of_its_tensors) {
  const auto complaint = HasSubstr("its tensors do not have as many bytes as it says");
  for (const auto sum : {std::uint64_t{0}, std::uint64_t{22}, std::uint64_t{24}, most})
    EXPECT_THAT(refusal_after([&](auto& table) { table.tensor_bytes = sum; }), complaint) << sum;
}

TEST(tensor_table, refuses_a_sum_that_is_right_only_modulo_64_bits) {
  constexpr auto length = (std::uint64_t{1} << 61) - 1;
  checkpoint table;
  for (std::uint32_t file = 0; file < 3; ++file) {
    table.files.push_back({"/made up/" + std::to_string(file), most_of_a_file});
    for (std::uint64_t tensor = 0; tensor < 4; ++tensor) {
      table.tensors.push_back(
          {std::to_string(table.tensors.size()), dtype::u8, {length}, file, {tensor * length, length}});
      table.tensor_bytes += length;
    }
  }
  ASSERT_LT(table.tensor_bytes, 11 * (length / 2)) << "it did not wrap";
  EXPECT_THAT(refusal(table), HasSubstr("its tensors do not have as many bytes as it says"));
}

TEST(tensor_table, refuses_one_without_tensors_as_opening_a_checkpoint_does) {
  EXPECT_THAT(refusal({}), HasSubstr("holds no tensors"));
  EXPECT_THAT(refusal_after([](auto& table) {
                table.tensors.clear();
                table.tensor_bytes = 0;
              }),
              HasSubstr("holds no tensors"));
}

} // namespace
} // namespace ckpt::io
