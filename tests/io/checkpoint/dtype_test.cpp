// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/dtype.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string_view>

namespace ckpt::io {
namespace {

struct expectation {
  std::string_view name;
  unsigned bits;
  unsigned alignment_bytes;
  std::string_view torch_name; // empty: none
};

// As the format and torch name them, written down independently of the table under test.
constexpr std::array expectations{
    expectation{"BOOL", 8, 1, "bool"},
    expectation{"U8", 8, 1, "uint8"},
    expectation{"I8", 8, 1, "int8"},
    expectation{"U16", 16, 2, "uint16"},
    expectation{"I16", 16, 2, "int16"},
    expectation{"U32", 32, 4, "uint32"},
    expectation{"I32", 32, 4, "int32"},
    expectation{"U64", 64, 8, "uint64"},
    expectation{"I64", 64, 8, "int64"},
    expectation{"F16", 16, 2, "float16"},
    expectation{"BF16", 16, 2, "bfloat16"},
    expectation{"F32", 32, 4, "float32"},
    expectation{"F64", 64, 8, "float64"},
    expectation{"C64", 64, 8, "complex64"},
    expectation{"F8_E4M3", 8, 1, "float8_e4m3fn"},
    expectation{"F8_E5M2", 8, 1, "float8_e5m2"},
    expectation{"F8_E8M0", 8, 1, "float8_e8m0fnu"},
    expectation{"F8_E4M3FNUZ", 8, 1, "float8_e4m3fnuz"},
    expectation{"F8_E5M2FNUZ", 8, 1, "float8_e5m2fnuz"},
    expectation{"F4", 4, 1, "float4_e2m1fn_x2"},
    expectation{"F6_E2M3", 6, 1, ""},
    expectation{"F6_E3M2", 6, 1, ""},
};

TEST(dtype, every_name_of_the_format_has_its_width_alignment_and_torch_name) {
  for (const auto& expected : expectations) {
    SCOPED_TRACE(expected.name);
    const auto type = parse_dtype(expected.name);
    ASSERT_TRUE(type.has_value());
    EXPECT_EQ(name(*type), expected.name);
    EXPECT_EQ(bits(*type), expected.bits);
    EXPECT_EQ(alignment_bytes(*type), expected.alignment_bytes);
    EXPECT_EQ(torch_name(*type).value_or(""), expected.torch_name);
  }
}

TEST(dtype, there_are_no_others) {
  std::set<std::string_view> names;
  for (const auto type : all_dtypes())
    names.insert(name(type));
  EXPECT_EQ(all_dtypes().size(), expectations.size());
  EXPECT_EQ(names.size(), expectations.size());
}

TEST(dtype, names_the_format_does_not_have_are_not_understood) {
  for (const std::string_view wrong : {"", "bf16", "BF16 ", "BF", "BF166", "F8", "C128", "I4", "float32"})
    EXPECT_FALSE(parse_dtype(wrong).has_value()) << wrong;
}

} // namespace
} // namespace ckpt::io
