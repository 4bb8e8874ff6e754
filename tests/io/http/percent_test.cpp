// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/http/percent.hpp"

#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

TEST(percent, encodes_what_means_something_in_a_path) {
  EXPECT_EQ(percent_encode("step-100_a.b~"), "step-100_a.b~");
  EXPECT_EQ(percent_encode("a/b?c#d%e f"), "a%2Fb%3Fc%23d%25e%20f");
  EXPECT_EQ(percent_encode("\xc3\xa4"), "%C3%A4");
}

TEST(percent, decodes_what_it_encodes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_decode("a%2fb+c"), "a/b+c");
}

TEST(percent, refuses_half_a_code) {
  for (const auto* text : {"%", "%4", "a%4", "%g0", "%0g", "%-1", "%+1", "% 1", "%%41"})
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
}

} // namespace
} // namespace ckpt::io
