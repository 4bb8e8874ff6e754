// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which arguments mean what, and which mean nothing.

#include "apps/bench/command_line.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace ckpt::apps::bench {
namespace {

command parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ckpt-bench");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

int status_of(const command& parsed) {
  return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
}

TEST(bench_command_line, write_describes_a_checkpoint) {
  const auto parsed = parse({"write", "--path", "/d", "--size", "4GiB", "--shards", "3", "--dtype", "BF16",
                             "F8_E4M3", "--seed", "7", "--sparse", "--flush"});
  ASSERT_TRUE(std::holds_alternative<write_command>(parsed));
  const auto& options = std::get<write_command>(parsed).options;
  EXPECT_EQ(options.directory, "/d");
  EXPECT_EQ(options.tensors.total_bytes, std::uint64_t{4} << 30);
  EXPECT_EQ(options.shards, 3U);
  EXPECT_EQ(options.tensors.types, (std::vector{io::dtype::bf16, io::dtype::f8_e4m3}));
  EXPECT_EQ(options.seed, 7U);
  EXPECT_EQ(options.data, synthetic_options::contents::sparse);
  EXPECT_EQ(options.flush, synthetic_options::durability::on_disk);
}

TEST(bench_command_line, write_knows_models_by_name) {
  const auto parsed = parse({"write", "--path", "/d", "--model", "Qwen3-8B"});
  ASSERT_TRUE(std::holds_alternative<write_command>(parsed));
  EXPECT_EQ(std::get<write_command>(parsed).options.tensors.model, known_model::qwen3_8b);
  EXPECT_EQ(status_of(parse({"write", "--path", "/d", "--model", "Qwen9-8B"})), 2);
}

TEST(bench_command_line, read_takes_the_tuning) {
  const auto parsed = parse({"read", "--checkpoint", "/c/d", "--rounds", "9", "--chunk-size", "8MiB",
                             "--reads-in-flight", "16", "--threads", "2", "--copying-threads", "3",
                             "--reader", "threads", "--json", "/j", "--headers-only"});
  ASSERT_TRUE(std::holds_alternative<read_command>(parsed));
  const auto& command = std::get<read_command>(parsed);
  EXPECT_EQ(command.checkpoint, "/c/d");
  EXPECT_EQ(command.rounds, 9U);
  EXPECT_EQ(command.reading.chunk_bytes, 8U << 20);
  EXPECT_EQ(command.reading.in_flight_max, 16U);
  EXPECT_EQ(command.reading.threads, 2U);
  EXPECT_EQ(command.reading.copying_threads, 3U);
  EXPECT_EQ(command.reading.engine, io::reader_engine::threads);
  EXPECT_EQ(command.json, "/j");
  EXPECT_TRUE(command.headers_only);
}

TEST(bench_command_line, compare_leaves_everything_to_the_script) {
  const auto parsed =
      parse({"compare", "--checkpoint", "/c", "--case", "warm", "plan", "--help", "--rounds=3"});
  ASSERT_TRUE(std::holds_alternative<compare_command>(parsed));
  EXPECT_EQ(
      std::get<compare_command>(parsed).arguments,
      (std::vector<std::string>{"--checkpoint", "/c", "--case", "warm", "plan", "--help", "--rounds=3"}));
}

TEST(bench_command_line, gpu_copy_needs_no_arguments_and_takes_those_of_the_node) {
  const auto plain = parse({"gpu-copy"});
  ASSERT_TRUE(std::holds_alternative<gpu_copy_command>(plain));
  const auto& defaults = std::get<gpu_copy_command>(plain).options;
  EXPECT_EQ(defaults.bytes, std::uint64_t{8} << 30);
  EXPECT_EQ(defaults.rounds, 5U);
  EXPECT_EQ(defaults.gpu, 0U);
  EXPECT_EQ(defaults.chunk_bytes, 4U << 20);
  EXPECT_EQ(defaults.bucket_bytes, 256U << 20);
  EXPECT_EQ(defaults.host_memory_bytes, 1U << 30);
  EXPECT_TRUE(std::get<gpu_copy_command>(plain).json.empty());

  const auto parsed = parse({"gpu-copy", "--size", "3GiB", "--rounds", "7", "--gpu", "5", "--chunk-size",
                             "8MiB", "--bucket-size", "64MiB", "--host-memory", "512MiB", "--json", "/j"});
  ASSERT_TRUE(std::holds_alternative<gpu_copy_command>(parsed));
  const auto& command = std::get<gpu_copy_command>(parsed);
  EXPECT_EQ(command.options.bytes, std::uint64_t{3} << 30);
  EXPECT_EQ(command.options.rounds, 7U);
  EXPECT_EQ(command.options.gpu, 5U);
  EXPECT_EQ(command.options.chunk_bytes, 8U << 20);
  EXPECT_EQ(command.options.bucket_bytes, 64U << 20);
  EXPECT_EQ(command.options.host_memory_bytes, 512U << 20);
  EXPECT_EQ(command.json, "/j");
}

TEST(bench_command_line, gpu_copy_has_room_for_a_chunk_everywhere) {
  EXPECT_EQ(status_of(parse({"gpu-copy", "--size", "0"})), 2);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--chunk-size", "4097"})), 2);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--chunk-size", "8MiB", "--bucket-size", "4MiB"})), 2);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--chunk-size", "8MiB", "--host-memory", "4MiB"})), 2);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--host-memory", "2TiB"})), 2);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--gpu", "-1"})), 2);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--rounds", "0"})), 2);
  const auto smallest = parse(
      {"gpu-copy", "--size", "1", "--chunk-size", "8MiB", "--bucket-size", "8MiB", "--host-memory", "8MiB"});
  EXPECT_TRUE(std::holds_alternative<gpu_copy_command>(smallest));
}

TEST(bench_command_line, mistakes_are_usage_errors) {
  EXPECT_EQ(status_of(parse({})), 2);
  EXPECT_EQ(status_of(parse({"fly"})), 2);
  EXPECT_EQ(status_of(parse({"write"})), 2);
  EXPECT_EQ(status_of(parse({"read"})), 2);
  EXPECT_EQ(status_of(parse({"write", "--path", "/d", "--dtype", "F5"})), 2);
  EXPECT_EQ(status_of(parse({"read", "--checkpoint", "/c", "--rounds", "0"})), 2);
  EXPECT_EQ(status_of(parse({"read", "--checkpoint", "/c", "--chunk-size", "4097"})), 2);
  EXPECT_EQ(status_of(parse({"read", "--checkpoint", "/c", "--chunk-size", "0"})), 2);
  EXPECT_EQ(status_of(parse({"read", "--checkpoint", "/c", "--copying-threads", "0"})), 2);
}

TEST(bench_command_line, help_is_no_mistake) {
  EXPECT_EQ(status_of(parse({"--help"})), 0);
  EXPECT_EQ(status_of(parse({"gpu-copy", "--help"})), 0);
}

} // namespace
} // namespace ckpt::apps::bench
