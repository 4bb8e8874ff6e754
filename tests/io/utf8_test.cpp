// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/utf8.hpp"

#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using namespace std::string_view_literals;

TEST(utf8, leaves_what_is_valid) {
  for (const auto text : {""sv, "abc"sv, "\0\n\x7f"sv, "ärger \u20ac \U0001f600"sv, "\xf4\x8f\xbf\xbf"sv})
    EXPECT_EQ(valid_utf8(text), text);
}

TEST(utf8, marks_every_byte_that_belongs_to_no_character) {
  EXPECT_EQ(valid_utf8("caf\xe9"), "caf?");
  EXPECT_EQ(valid_utf8("\xff\xfe"
                       "a"),
            "??a");
  EXPECT_EQ(valid_utf8("\xe2\x82"), "??") << "cut off";
  EXPECT_EQ(valid_utf8("\x80"), "?");
  EXPECT_EQ(valid_utf8("\xc0\x80"), "??") << "too long for what it means";
  EXPECT_EQ(valid_utf8("\xe0\x80\x80"), "???");
  EXPECT_EQ(valid_utf8("\xf0\x80\x80\x80"), "????");
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "???") << "half a pair";
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "????") << "beyond the last character";
}

} // namespace
} // namespace ckpt::io
