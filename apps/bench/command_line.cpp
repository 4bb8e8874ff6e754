// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/command_line.hpp"

#include "io/checkpoint/dtype.hpp"
#include "io/extent.hpp"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <map>
#include <stdexcept>
#include <utility>

#include <CLI/CLI.hpp>

namespace ckpt::apps::bench {
namespace {

constexpr auto usage_status = 2;

/// More than any host or GPU has; sums and counts of chunks stay small.
constexpr auto memory_bytes_max = std::uint64_t{1} << 40;

constexpr auto footer = R"(Examples:
  ckpt-bench write --path /data/synthetic --size 8GiB --shards 4
  ckpt-bench write --path /data/qwen3 --model Qwen3-8B
  ckpt-bench read --checkpoint /data/synthetic
  ckpt-bench compare --checkpoint /data/synthetic --python build/bench-python/bin/python --json figures.json
  ckpt-bench gpu-copy --gpu 0
Exit status: 0 done; 1 a measurement failed, or compare's --strict and a bar was missed; 2 usage.)";

/// The flags as given, not yet checked.
struct raw_options {
  synthetic_options write;
  std::string model;
  std::vector<std::string> types{"BF16"};
  bool is_sparse = false;
  bool is_flushed = false;
  read_command read;
  gpu_copy_command gpu_copy;
};

CLI::AsSizeValue as_size() { return CLI::AsSizeValue{false}; }

void add_write(CLI::App& app, raw_options& raw) {
  auto& tensors = raw.write.tensors;
  app.add_option("--path", raw.write.directory, "directory to write to; nothing in it is overwritten")
      ->required();
  app.add_option("--size", tensors.total_bytes, "bytes of all tensors, such as 4GiB [1GiB]")
      ->transform(as_size());
  app.add_option("--tensors", tensors.tensor_count, "exactly so many tensors, whatever their sum");
  app.add_option("--tensor-size-min", tensors.tensor_bytes_min, "smallest tensor [4KiB]")
      ->transform(as_size());
  app.add_option("--tensor-size-max", tensors.tensor_bytes_max, "largest tensor [64MiB]")
      ->transform(as_size());
  app.add_option("--dtype", raw.types, "element types, drawn by chance [BF16]");
  app.add_option("--model", raw.model, "names, shapes and dtypes of Qwen3-8B or DeepSeek-R1 instead");
  app.add_option("--layers", tensors.layers_max, "only the first so many layers of --model");
  app.add_flag("--edge-cases", tensors.edge_cases, "add a scalar, an empty and a one-byte tensor");
  app.add_option("--shards", raw.write.shards, "files [4, or as the model is published]");
  app.add_option("--seed", raw.write.seed, "what contents and sizes follow from")->capture_default_str();
  app.add_flag("--sparse", raw.is_sparse, "headers only; the data are holes");
  app.add_flag("--flush", raw.is_flushed, "wait until everything is on the disk");
}

void add_rounds(CLI::App& app, unsigned& rounds, std::filesystem::path& json) {
  app.add_option("--rounds", rounds, "how often it is done")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  app.add_option("--json", json, "write the figures of every round to this file");
}

void add_read(CLI::App& app, raw_options& raw) {
  static const std::map<std::string, io::reader_engine> engines{{"auto", io::reader_engine::automatic},
                                                                {"io_uring", io::reader_engine::io_uring},
                                                                {"threads", io::reader_engine::threads}};
  auto& reading = raw.read.reading;
  app.add_option("--checkpoint", raw.read.checkpoint, "checkpoint to read")->required();
  app.add_flag("--headers-only", raw.read.headers_only, "read headers and make the plan instead");
  add_rounds(app, raw.read.rounds, raw.read.json);
  app.add_option("--chunk-size", reading.chunk_bytes, "bytes of one read [4MiB]")->transform(as_size());
  app.add_option("--reads-in-flight", reading.in_flight_max, "reads under way at the same time")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  app.add_option("--threads", reading.threads, "threads, or kernel workers for files without direct I/O")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  app.add_option("--copying-threads", reading.copying_threads,
                 "threads that copy cached pages; the default follows from the usable cores")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  app.add_option("--reader", reading.engine, "auto, io_uring or threads [auto]")
      ->transform(CLI::CheckedTransformer(engines))
      ->option_text("NAME");
}

void add_gpu_copy(CLI::App& app, raw_options& raw) {
  auto& options = raw.gpu_copy.options;
  app.add_option("--size", options.bytes, "bytes to copy in one round [8GiB]")->transform(as_size());
  add_rounds(app, options.rounds, raw.gpu_copy.json);
  app.add_option("--gpu", options.gpu, "CUDA's number of the GPU to copy to")->capture_default_str();
  app.add_option("--chunk-size", options.chunk_bytes, "bytes of one copy, and of one slab [4MiB]")
      ->transform(as_size());
  app.add_option("--bucket-size", options.bucket_bytes,
                 "two of these make up the ring on the GPU that takes the copies [256MiB]")
      ->transform(as_size());
  app.add_option("--host-memory", options.host_memory_bytes,
                 "pinned staging memory at most; copies of all its chunks may be under way at once [1GiB]")
      ->transform(as_size());
}

write_command check_write(raw_options raw) {
  auto& options = raw.write;
  if (!raw.model.empty()) {
    std::transform(raw.model.begin(), raw.model.end(), raw.model.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    options.tensors.model = parse_known_model(raw.model);
    if (!options.tensors.model)
      throw std::invalid_argument{"--model " + raw.model + ": only Qwen3-8B and DeepSeek-R1 are known"};
  }
  options.tensors.types.clear();
  for (const auto& type : raw.types) {
    const auto parsed = io::parse_dtype(type);
    if (!parsed)
      throw std::invalid_argument{"--dtype " + type + ": the safetensors format has no such type"};
    options.tensors.types.push_back(*parsed);
  }
  if (raw.is_sparse)
    options.data = synthetic_options::contents::sparse;
  if (raw.is_flushed)
    options.flush = synthetic_options::durability::on_disk;
  return {std::move(options)};
}

void check_chunk_bytes(std::uint64_t chunk_bytes) {
  if (chunk_bytes == 0 || chunk_bytes % io::page_bytes != 0 || chunk_bytes > (1U << 30))
    throw std::invalid_argument{"--chunk-size must be a multiple of 4096 bytes and at most 1GiB"};
}

read_command check_read(const raw_options& raw) {
  check_chunk_bytes(raw.read.reading.chunk_bytes);
  return raw.read;
}

gpu_copy_command check_gpu_copy(const raw_options& raw) {
  const auto& options = raw.gpu_copy.options;
  check_chunk_bytes(options.chunk_bytes);
  if (options.bytes == 0)
    throw std::invalid_argument{"--size must be at least one byte"};
  for (const auto& [flag, bytes] : {std::pair{"--bucket-size", options.bucket_bytes},
                                    std::pair{"--host-memory", options.host_memory_bytes}})
    if (bytes < options.chunk_bytes || bytes > memory_bytes_max)
      throw std::invalid_argument{std::string{flag} + " must be at least --chunk-size and at most 1TiB"};
  return raw.gpu_copy;
}

} // namespace

command parse_command_line(int argc, const char* const* argv) {
  CLI::App app{
      "Measures how fast checkpoints are read, copied to a GPU and handed over, and writes synthetic ones."};
  app.name("ckpt-bench");
  app.footer(footer);
  app.require_subcommand(1);
  raw_options raw;
  auto* write = app.add_subcommand("write", "write a synthetic checkpoint");
  auto* read = app.add_subcommand("read", "read a checkpoint into staging memory");
  auto* compare =
      app.add_subcommand("compare", "compare with fio, pread, Python and the bars of this project");
  compare->set_help_flag();
  compare->prefix_command();
  auto* gpu_copy = app.add_subcommand(
      "gpu-copy", "copy from staging memory to a GPU, and compare with plain cudaMemcpyAsync of 256MiB");
  add_write(*write, raw);
  add_read(*read, raw);
  add_gpu_copy(*gpu_copy, raw);
  try {
    app.parse(argc, argv);
    if (*write)
      return check_write(std::move(raw));
    if (*read)
      return check_read(raw);
    if (*gpu_copy)
      return check_gpu_copy(raw);
    return compare_command{compare->remaining()};
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_status;
  } catch (const std::invalid_argument& error) {
    std::cerr << "ckpt-bench: " << error.what() << '\n';
    return usage_status;
  }
}

} // namespace ckpt::apps::bench
