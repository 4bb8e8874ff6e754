// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/file_kind.hpp"

#include "io/checkpoint/safetensors.hpp"
#include "io/error.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ckpt::io {
namespace {

using testing::HasSubstr;

std::string file_refusal(const std::filesystem::path& path) {
  try {
    (void)read_safetensors_header(path);
    return {};
  } catch (const checkpoint_error& error) {
    return error.what();
  }
}

TEST(file_kind, of_another_file_is_in_the_error) {
  const tests::temporary_directory directory;
  const auto refused = [&](std::string_view contents) {
    return file_refusal(directory.write("w.safetensors", contents));
  };
  EXPECT_THAT(refused(""), HasSubstr("is empty"));
  EXPECT_THAT(refused("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4976698672\n"),
              HasSubstr("run \"git lfs pull\""));
  EXPECT_THAT(refused("\n<!DOCTYPE html><html><head>"), HasSubstr("is an HTML page"));
  EXPECT_THAT(refused("<HTML lang=en>"), HasSubstr("is an HTML page"));
  EXPECT_THAT(refused("<?xml version=\"1.0\"?>"), HasSubstr("is XML"));
  EXPECT_THAT(refused("{\"error\": \"not found\"}"), HasSubstr("is JSON"));
  EXPECT_THAT(refused("{}"), HasSubstr("is JSON"));
  EXPECT_THAT(refused(std::string{"PK\x03\x04\0\0\x08\x08\0\0", 10}), HasSubstr("is a zip archive"));
  EXPECT_THAT(refused("\x80\x02}q\x01(X\x06weight"), HasSubstr("is a PyTorch (pickle) checkpoint"));
  EXPECT_THAT(refused(std::string{"GGUF\x03\0\0\0\x23\x01\0\0", 12}), HasSubstr("is a GGUF file"));
}

TEST(file_kind, of_a_file_that_was_cut_off_is_left_alone) {
  const tests::temporary_directory directory;
  // Its header has as many bytes as '{' and "PK" are as numbers.
  for (const auto bytes : {std::uint64_t{'{'}, std::uint64_t{'P' + 256 * 'K'}})
    EXPECT_THAT(file_refusal(directory.write("w.safetensors", tests::length_field(bytes) + "{\"a")),
                HasSubstr("truncated or damaged"));
}

} // namespace
} // namespace ckpt::io
