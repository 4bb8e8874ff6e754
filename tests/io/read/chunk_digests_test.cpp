// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/read/chunk_digests.hpp"

#include "io/read/resident_chunks.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <string>
#include <system_error>
#include <vector>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// A checkpoint of two files with a tensor of 300,000 bytes in each: more chunks than are read at a time.
class chunk_digests_test : public testing::Test {
protected:
  chunk_digests_test() {
    for (const std::string name : {"a", "b"}) {
      std::string data(300'000, ' ');
      std::iota(data.begin(), data.end(), name[0]);
      directory_.write(name + ".safetensors",
                       tests::file_text('{' + tests::entry(name, "U8", "[300000]", "[0,300000]") + '}', 0)
                           + data);
    }
    source_ = open_checkpoint(directory_.path());
    plan_ = plan_buckets(source_, {16 << 10, 8 << 10});
  }

  tests::temporary_directory directory_{std::filesystem::current_path()};
  checkpoint source_;
  bucket_plan plan_;
};

TEST_F(chunk_digests_test, are_those_of_the_chunks_that_are_named) {
  std::vector<std::uint32_t> all(plan_.chunks.size());
  std::iota(all.begin(), all.end(), 0);
  ASSERT_GT(all.size(), 40u);
  const resident_chunks kept{source_, plan_, all, {}, {}};
  const std::vector<std::uint32_t> some(all.rbegin(), all.rend() - 3);
  const auto digests = read_chunk_digests(source_, plan_, some, 10s, {});
  ASSERT_EQ(digests.size(), some.size());
  for (std::size_t i = 0; i < some.size(); ++i)
    EXPECT_EQ(digests[i], kept.digest(some[i])) << some[i];
}

TEST_F(chunk_digests_test, of_no_chunks_are_none) {
  EXPECT_TRUE(read_chunk_digests(source_, plan_, {}, 10s, {}).empty());
}

TEST_F(chunk_digests_test, are_not_taken_of_a_file_that_has_shrunk) {
  std::filesystem::resize_file(directory_.path() / "b.safetensors", 200'000);
  const std::uint32_t last[] = {static_cast<std::uint32_t>(plan_.chunks.size() - 1)};
  try {
    static_cast<void>(read_chunk_digests(source_, plan_, last, 10s, {}));
    FAIL() << "were taken";
  } catch (const checkpoint_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("b.safetensors"));
  }
}

TEST_F(chunk_digests_test, are_given_up_when_nobody_wants_them) {
  std::stop_source stop;
  stop.request_stop();
  const std::uint32_t first[] = {0};
  EXPECT_THROW(static_cast<void>(read_chunk_digests(source_, plan_, first, 10s, stop.get_token())),
               std::system_error);
}

} // namespace
} // namespace ckpt::io
