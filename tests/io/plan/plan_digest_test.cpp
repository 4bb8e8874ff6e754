// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/plan_digest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ckpt::io {
namespace {

using testing::HasSubstr;

checkpoint two_files() {
  checkpoint source;
  source.files = {{"/here/a.safetensors", 5000}, {"/here/b.safetensors", 6000}};
  source.tensors = {{"one", dtype::u8, {16}, 0, {100, 16}}, {"two", dtype::f32, {2, 2}, 1, {200, 16}}};
  return source;
}

TEST(plan_digest, the_same_files_elsewhere_are_no_difference) {
  auto elsewhere = two_files();
  elsewhere.files[0].path = "/there/a.safetensors";
  EXPECT_EQ(describe_difference(identify_files(two_files()), identify_files(elsewhere)), "");
}

TEST(plan_digest, names_the_file_and_how_many_bytes_it_has_more_or_less) {
  const auto ours = identify_files(two_files());
  auto theirs = ours;
  theirs[1].bytes -= 4099;
  EXPECT_EQ(describe_difference(ours, theirs), "has b.safetensors with 4099 bytes less");
  theirs[1].bytes += 4100;
  EXPECT_EQ(describe_difference(ours, theirs), "has b.safetensors with 1 bytes more");
}

TEST(plan_digest, names_the_file_whose_tensors_differ) {
  auto theirs = two_files();
  theirs.tensors[0].shape = {4, 4};
  EXPECT_EQ(describe_difference(identify_files(two_files()), identify_files(theirs)),
            "has other tensors in a.safetensors");
}

TEST(plan_digest, names_the_file_whose_content_differs_once_nothing_else_does) {
  const auto ours = identify_files(two_files());
  auto theirs = two_files();
  theirs.files[1].content_digest = 7;
  EXPECT_EQ(describe_difference(ours, identify_files(theirs)), "has another content in b.safetensors");
  theirs.files[0].content_digest = 8;
  theirs.files[1].bytes += 1;
  EXPECT_EQ(describe_difference(ours, identify_files(theirs)), "has b.safetensors with 1 bytes more");
}

TEST(plan_digest, differs_with_the_content) {
  const auto ours = two_files();
  auto theirs = ours;
  EXPECT_EQ(digest(theirs, {}), digest(ours, {}));
  theirs.files[1].content_digest = 7;
  EXPECT_NE(digest(theirs, {}), digest(ours, {}));
}

TEST(plan_digest, names_files_that_only_one_side_has) {
  const auto ours = identify_files(two_files());
  const auto fewer = std::vector{ours[0]};
  EXPECT_EQ(describe_difference(ours, fewer), "lacks b.safetensors");
  EXPECT_EQ(describe_difference(fewer, ours), "has b.safetensors, which is not here");
}

TEST(plan_digest, does_not_let_a_name_drive_the_terminal) {
  auto theirs = identify_files(two_files());
  theirs[0].name = "a\x1b[2J";
  EXPECT_THAT(describe_difference(identify_files(two_files()), theirs), HasSubstr("a?[2J"));
}

/// Several buckets of several chunks, in two files.
checkpoint eight_tensors() {
  constexpr std::uint64_t bytes = 64 << 10;
  checkpoint source;
  source.files = {{"/here/a.safetensors", 8192 + 4 * bytes}, {"/here/b.safetensors", 8192 + 4 * bytes}};
  for (auto& file : source.files)
    file.data_offset = 8192;
  for (std::uint32_t tensor = 0; tensor < 8; ++tensor) {
    source.tensors.push_back(
        {"t" + std::to_string(tensor), dtype::u8, {bytes}, tensor / 4, {8192 + tensor % 4 * bytes, bytes}});
    source.tensor_bytes += bytes;
  }
  return source;
}

constexpr plan_options two_tensors_a_bucket{.bucket_bytes = 128 << 10, .chunk_bytes = 32 << 10};

std::uint64_t digest_of_tables(const checkpoint& source, const plan_options& options) {
  return digest_of_tables(source, plan_buckets(source, options));
}

TEST(plan_digest, of_tables_is_the_same_for_any_number_of_ranks) {
  const auto source = eight_tensors();
  std::map<std::uint64_t, std::string> plans;
  const auto expected = digest_of_tables(source, two_tensors_a_bucket);
  for (const auto& [ranks, on_each_host] :
       {std::pair{1U, 1U}, {2U, 1U}, {2U, 2U}, {8U, 1U}, {8U, 4U}, {8U, 8U}}) {
    auto options = two_tensors_a_bucket;
    options.ranks = ranks;
    options.ranks_per_host = on_each_host;
    EXPECT_EQ(digest_of_tables(source, options), expected)
        << ranks << " ranks, " << on_each_host << " a host";
    plans[digest(source, plan_buckets(source, options))];
  }
  EXPECT_EQ(plans.size(), 4U)
      << "1, 2, 8 ranks, and 8 dealt in turn to two hosts: the plans themselves differ";
}

TEST(plan_digest, of_tables_is_the_same_for_the_same_files_elsewhere) {
  auto elsewhere = eight_tensors();
  elsewhere.path = "/there";
  elsewhere.files[0].path = "/there/a.safetensors";
  elsewhere.files[0].in_memory = true;
  elsewhere.files[1].content_digest = 7; // A host that has read no file knows none.
  EXPECT_EQ(digest_of_tables(elsewhere, two_tensors_a_bucket),
            digest_of_tables(eight_tensors(), two_tensors_a_bucket));
}

TEST(plan_digest, of_tables_differs_with_files_and_tensors) {
  const std::map<std::string, std::function<void(checkpoint&)>> changes{
      {"name of a tensor", [](auto& source) { source.tensors[3].name = "u3"; }},
      {"dtype", [](auto& source) { source.tensors[3].type = dtype::i8; }},
      {"shape",
       [](auto& source) {
         source.tensors[3].shape = {2, 32 << 10};
       }},
      {"place of a tensor", [](auto& source) { source.tensors[3].bytes.offset += 1; }},
      {"file of a tensor", [](auto& source) { source.tensors[3].file = 1; }},
      {"one tensor less", [](auto& source) { source.tensors.pop_back(); }},
      {"the order of two tensors", [](auto& source) { std::swap(source.tensors[0], source.tensors[1]); }},
      {"name of a file", [](auto& source) { source.files[1].path = "/here/c.safetensors"; }},
      {"size of a file", [](auto& source) { source.files[1].bytes += 1; }},
      {"header of a file", [](auto& source) { source.files[1].data_offset -= 1; }},
      {"one file more",
       [](auto& source) {
         source.files.push_back({"/here/c.safetensors", 8});
       }},
  };
  const auto plan = plan_buckets(eight_tensors(), two_tensors_a_bucket);
  const auto ours = digest_of_tables(eight_tensors(), plan);
  for (const auto& [what, change] : changes) {
    auto theirs = eight_tensors();
    change(theirs);
    EXPECT_NE(digest_of_tables(theirs, plan), ours) << what << ", though the plan is the same";
  }
}

TEST(plan_digest, of_tables_differs_with_the_chunks) {
  const auto source = eight_tensors();
  const auto ours = digest_of_tables(source, two_tensors_a_bucket);
  for (const std::uint64_t bytes : {64 << 10, 196 << 10, 1 << 20}) {
    auto options = two_tensors_a_bucket;
    options.bucket_bytes = bytes;
    EXPECT_NE(digest_of_tables(source, options), ours) << "buckets of " << bytes << " bytes";
  }
  for (const std::uint64_t bytes : {4 << 10, 16 << 10, 64 << 10}) {
    auto options = two_tensors_a_bucket;
    options.chunk_bytes = bytes;
    EXPECT_NE(digest_of_tables(source, options), ours) << "chunks of " << bytes << " bytes";
  }
  auto plan = plan_buckets(source, two_tensors_a_bucket);
  plan.chunks.back().needed_bytes -= 1;
  EXPECT_NE(digest_of_tables(source, plan), ours) << "the end of the last chunk";
}

TEST(plan_digest, of_tables_does_not_take_files_for_tensors) {
  // The same numbers and texts in sequence, once as two files, once as one tensor.
  const std::string eight_letters(8, 'b');
  std::uint64_t letters_as_number = 0;
  std::memcpy(&letters_as_number, eight_letters.data(), sizeof letters_as_number);
  checkpoint files;
  files.files = {{"a", 3}, {eight_letters, 5}};
  files.files[0].data_offset = 1;
  files.files[1].data_offset = 6;
  checkpoint tensors;
  tensors.tensors = {{"a", static_cast<dtype>(3), {eight_letters.size()}, 6, {letters_as_number, 5}}};
  EXPECT_NE(digest_of_tables(files, bucket_plan{}), digest_of_tables(tensors, bucket_plan{}));
}

TEST(plan_digest, of_a_share_differs_with_its_chunks_and_their_content) {
  using chunks = std::vector<std::uint32_t>;
  using digests = std::vector<std::uint64_t>;
  const auto ours = digest_of_share(chunks{1, 2, 3}, digests{10, 20, 30});
  EXPECT_EQ(digest_of_share(chunks{1, 2, 3}, digests{10, 20, 30}), ours);
  EXPECT_NE(digest_of_share(chunks{1, 2, 3}, digests{20, 10, 30}), ours) << "swapped";
  EXPECT_NE(digest_of_share(chunks{1, 2, 3}, digests{10, 20, 31}), ours) << "other content";
  EXPECT_NE(digest_of_share(chunks{1, 2, 4}, digests{10, 20, 30}), ours) << "another chunk";
  EXPECT_NE(digest_of_share(chunks{2, 1, 3}, digests{10, 20, 30}), ours) << "in another order";
  EXPECT_NE(digest_of_share(chunks{1, 2}, digests{10, 20}), ours) << "fewer";
  EXPECT_NE(digest_of_share({}, {}), ours) << "none";
}

} // namespace
} // namespace ckpt::io
