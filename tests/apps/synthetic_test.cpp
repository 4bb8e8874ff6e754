// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/synthetic.hpp"

#include "io/checkpoint/checkpoint.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace ckpt::apps {
namespace {

using io::dtype;
using testing::HasSubstr;
using tests::temporary_directory;

std::vector<std::byte> contents(std::string_view name, std::uint64_t seed, dtype type, std::uint64_t bytes) {
  std::vector<std::byte> result(bytes);
  fill_content(content_key(name, seed), type, 0, result);
  return result;
}

std::vector<std::byte> read(const std::filesystem::path& path, io::extent range) {
  std::vector<std::byte> result(range.length);
  std::ifstream in{path, std::ios::binary};
  in.seekg(static_cast<std::streamoff>(range.offset));
  in.read(reinterpret_cast<char*>(result.data()), static_cast<std::streamsize>(result.size()));
  EXPECT_EQ(static_cast<std::uint64_t>(in.gcount()), range.length);
  return result;
}

synthetic_options small(const std::filesystem::path& directory) {
  synthetic_options options;
  options.directory = directory;
  options.tensors.total_bytes = 3'000'000;
  options.tensors.tensor_bytes_min = 10;
  options.tensors.tensor_bytes_max = 100'000;
  options.tensors.types.assign(io::all_dtypes().begin(), io::all_dtypes().end());
  options.tensors.edge_cases = true;
  options.shards = 5;
  options.seed = std::random_device{}();
  return options;
}

TEST(synthetic_content, is_the_same_from_any_offset) {
  const auto whole = contents("t", 7, dtype::bf16, 1000);
  std::mt19937 random{1};
  for (int round = 0; round < 1000; ++round) {
    const auto begin = random() % whole.size();
    const auto length = random() % (whole.size() - begin + 1);
    std::vector<std::byte> piece(length);
    fill_content(content_key("t", 7), dtype::bf16, begin, piece);
    EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin)))
        << begin << '+' << length;
  }
}

TEST(synthetic_content, differs_by_name_and_seed) {
  EXPECT_NE(contents("t", 1, dtype::u8, 64), contents("u", 1, dtype::u8, 64));
  EXPECT_NE(contents("t", 1, dtype::u8, 64), contents("t", 2, dtype::u8, 64));
}

TEST(synthetic_content, of_booleans_is_zeros_and_ones) {
  const auto values = contents("t", 1, dtype::boolean, 1000);
  const std::set<std::byte> distinct{values.begin(), values.end()};
  EXPECT_EQ(distinct, (std::set{std::byte{0}, std::byte{1}}));
}

TEST(synthetic_checkpoint, opens_and_holds_what_can_be_recomputed) {
  const temporary_directory directory;
  const auto options = small(directory.path() / "new");
  SCOPED_TRACE("seed " + std::to_string(options.seed));
  const auto written = write_checkpoint(options);
  const auto opened = io::open_checkpoint(options.directory);
  EXPECT_EQ(written.files.size(), 5U);
  EXPECT_EQ(opened.files.size(), 5U);
  EXPECT_EQ(opened.tensors.size(), written.tensor_count);
  EXPECT_EQ(opened.tensor_bytes, written.tensor_bytes);
  // The edge cases come on top, and the last tensor is rounded to its elements.
  EXPECT_NEAR(static_cast<double>(opened.tensor_bytes), 3'000'000, 4 + 1 + 8);
  std::uint64_t file_bytes = 0;
  for (const auto& file : opened.files) {
    EXPECT_EQ(file.data_offset % 8, 0U);
    file_bytes += file.bytes;
  }
  EXPECT_EQ(file_bytes, written.file_bytes);
  for (const auto& tensor : opened.tensors)
    EXPECT_EQ(read(opened.files[tensor.file].path, tensor.bytes),
              contents(tensor.name, options.seed, tensor.type, tensor.bytes.length))
        << tensor.name;
}

TEST(synthetic_checkpoint, shares_the_bytes_evenly_over_the_shards) {
  const temporary_directory directory;
  auto options = small(directory.path());
  SCOPED_TRACE("seed " + std::to_string(options.seed));
  write_checkpoint(options);
  for (const auto& file : io::open_checkpoint(options.directory).files)
    EXPECT_NEAR(static_cast<double>(file.bytes - file.data_offset), 600'000, 100'000);
}

TEST(synthetic_checkpoint, orders_tensors_by_alignment_and_name) {
  const temporary_directory directory;
  const auto options = small(directory.path());
  SCOPED_TRACE("seed " + std::to_string(options.seed));
  write_checkpoint(options);
  const auto opened = io::open_checkpoint(options.directory);
  for (const auto& tensor : opened.tensors)
    EXPECT_EQ(tensor.bytes.offset % io::alignment_bytes(tensor.type), 0U) << tensor.name;
}

TEST(synthetic_checkpoint, has_as_many_tensors_as_asked_for) {
  const temporary_directory directory;
  auto options = small(directory.path());
  options.tensors.edge_cases = false;
  options.tensors.tensor_count = 1000;
  options.shards = 16;
  options.data = synthetic_options::contents::sparse;
  const auto written = write_checkpoint(options);
  EXPECT_EQ(written.tensor_count, 1000U);
  EXPECT_EQ(io::open_checkpoint(options.directory).tensors.size(), 1000U);
  EXPECT_EQ(written.files.size(), 16U);
}

TEST(synthetic_checkpoint, has_fewer_shards_when_there_are_fewer_tensors) {
  const temporary_directory directory;
  auto options = small(directory.path());
  options.tensors.edge_cases = false;
  options.tensors.tensor_count = 3;
  EXPECT_EQ(write_checkpoint(options).files.size(), 3U);
  EXPECT_EQ(io::open_checkpoint(options.directory).tensors.size(), 3U);
}

TEST(synthetic_checkpoint, of_qwen3_8b_has_its_published_size) {
  const temporary_directory directory;
  synthetic_options options;
  options.directory = directory.path();
  options.tensors.model = known_model::qwen3_8b;
  options.data = synthetic_options::contents::sparse;
  write_checkpoint(options);
  const auto opened = io::open_checkpoint(directory.path());
  EXPECT_EQ(opened.files.size(), 5U);
  EXPECT_EQ(opened.tensors.size(), 399U);
  EXPECT_EQ(opened.tensor_bytes, 16'381'470'720U);
}

TEST(synthetic_checkpoint, of_deepseek_r1_has_its_published_tensors) {
  const temporary_directory directory;
  synthetic_options options;
  options.directory = directory.path();
  options.tensors.model = known_model::deepseek_r1;
  options.data = synthetic_options::contents::sparse;
  write_checkpoint(options);
  const auto opened = io::open_checkpoint(directory.path());
  EXPECT_EQ(opened.files.size(), 163U);
  EXPECT_EQ(opened.tensors.size(), 91'991U);
  std::map<dtype, std::uint64_t> elements;
  for (const auto& tensor : opened.tensors)
    elements[tensor.type] += tensor.bytes.length * 8 / io::bits(tensor.type);
  // 671 billion parameters and 14 of the layer that predicts a second token.
  EXPECT_NEAR(static_cast<double>(elements[dtype::f8_e4m3] + elements[dtype::bf16]), 685e9, 1e9);
  EXPECT_EQ(elements.size(), 3U);
}

TEST(synthetic_checkpoint, of_a_model_can_be_cut_to_its_first_layers) {
  const auto layers = [](std::uint32_t count) {
    tensor_options options;
    options.model = known_model::deepseek_r1;
    options.layers_max = count;
    return make_tensors(options, 1).size();
  };
  EXPECT_LT(layers(1), layers(2));
  EXPECT_LT(layers(61), layers(62));
  EXPECT_EQ(layers(62), layers(0));
  EXPECT_EQ(layers(1000), layers(0));
}

TEST(synthetic_checkpoint, overwrites_nothing_and_leaves_nothing_half_done) {
  const temporary_directory directory;
  const auto taken = directory.write("model-00003-of-00005.safetensors", "precious");
  const auto options = small(directory.path());
  try {
    write_checkpoint(options);
    FAIL() << "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::file_exists);
    EXPECT_THAT(error.what(), HasSubstr(taken.native()));
  }
  EXPECT_EQ(std::filesystem::file_size(taken), 8U);
  std::vector<std::filesystem::path> left;
  for (const auto& file : std::filesystem::directory_iterator{directory.path()})
    left.push_back(file.path());
  EXPECT_EQ(left, std::vector<std::filesystem::path>{taken});
}

TEST(synthetic_checkpoint, is_never_written_over_another) {
  const temporary_directory directory;
  auto options = small(directory.path());
  const auto written = write_checkpoint(options);
  options.shards = 3;
  EXPECT_THROW(write_checkpoint(options), std::system_error);
  EXPECT_EQ(io::open_checkpoint(directory.path()).tensors.size(), written.tensor_count);
}

TEST(synthetic_checkpoint, options_that_make_no_sense_are_refused) {
  const temporary_directory directory;
  const auto refuses = [&](auto change) {
    auto options = small(directory.path() / "never");
    change(options);
    EXPECT_THROW(write_checkpoint(options), std::invalid_argument);
    EXPECT_FALSE(std::filesystem::exists(options.directory));
  };
  refuses([](auto& options) { options.tensors.types.clear(); });
  refuses([](auto& options) { options.tensors.tensor_bytes_min = 0; });
  refuses([](auto& options) { options.tensors.tensor_bytes_min = options.tensors.tensor_bytes_max + 1; });
  refuses([](auto& options) { options.tensors.tensor_count = 1'000'000'000; });
  refuses([](auto& options) { options.shards = 100'000; });
  refuses([](auto& options) {
    options.tensors.total_bytes = 0;
    options.tensors.edge_cases = false;
  });
}

} // namespace
} // namespace ckpt::apps
