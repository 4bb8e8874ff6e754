// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/traceback.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const std::string traceback = R"(Traceback (most recent call last):
  File "worker.py", line 107, in update
    run(extract(payload, buffer))
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "model.py", line 12, in load_weights
    loader(parameter, tensor)
    ~~~~~~^^^^^^^^^^^^^^^^^^^
  File "loader.py", line 3, in loader
    raise RuntimeError("no room for x")
RuntimeError: no room for x
)";

TEST(last_words_of_traceback, are_its_end_without_underlines) {
  const auto words = last_words_of_traceback(traceback);
  EXPECT_THAT(words, EndsWith("RuntimeError: no room for x"));
  EXPECT_THAT(words, HasSubstr("line 3, in loader"));
  EXPECT_THAT(words, Not(HasSubstr("^^^")));
  EXPECT_THAT(words, Not(HasSubstr("most recent call last")));
}

TEST(last_words_of_traceback, of_one_line_are_that_line) {
  EXPECT_EQ(last_words_of_traceback("out of memory"), "out of memory");
  EXPECT_EQ(last_words_of_traceback("out of memory\n\n"), "out of memory");
  EXPECT_EQ(last_words_of_traceback(""), "");
}

TEST(last_words_of_traceback, are_bounded_and_never_end_within_a_character) {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += "ä";
  const auto words = last_words_of_traceback(text + "!");
  EXPECT_LE(words.size(), 2'100U);
  EXPECT_THAT(words, EndsWith("ää!"));
  EXPECT_THAT(words, testing::StartsWith("… ä"));
}

TEST(whole_traceback, is_whole_unless_it_is_absurdly_long) {
  EXPECT_EQ(whole_traceback(traceback), traceback);
  EXPECT_LE(whole_traceback(std::string(1 << 20, 'x') + "end").size(), (64U << 10) + 8);
  EXPECT_THAT(whole_traceback(std::string(1 << 20, 'x') + "end"), EndsWith("xend"));
}

} // namespace
} // namespace ckpt::io
