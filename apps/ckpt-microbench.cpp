// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The parts that touch no disk, timed one by one: parsing headers, planning, writing pickles. For work on
// them; the claims of this project come from ckpt-bench.

#include "apps/simulation/simulated_cluster.hpp"
#include "apps/synthetic_tensors.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/checkpoint/safetensors.hpp"
#include "io/engine/pickle_writer.hpp"
#include "io/plan/bucket_plan.hpp"
#include "io/plan/plan_digest.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using namespace ckpt;

std::vector<apps::synthetic_tensor> tensors(std::int64_t count) {
  apps::tensor_options options;
  options.tensor_count = static_cast<std::uint64_t>(count);
  return apps::make_tensors(options, 1);
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text;
  for (const auto length : shape)
    text += (text.empty() ? "" : ",") + std::to_string(length);
  return "[" + text + "]";
}

struct header {
  std::string json;
  std::uint64_t file_bytes = 0;
};

header make_header(std::int64_t count) {
  header made;
  std::uint64_t offset = 0;
  for (const auto& tensor : tensors(count)) {
    made.json += (made.json.empty() ? "{" : ",") + std::string{"\""} + tensor.name
                 + "\":{\"dtype\":\"BF16\",\"shape\":" + shape_text(tensor.shape) + ",\"data_offsets\":["
                 + std::to_string(offset) + "," + std::to_string(offset + tensor.bytes()) + "]}";
    offset += tensor.bytes();
  }
  made.json += "}";
  made.file_bytes = 8 + made.json.size() + offset;
  return made;
}

io::checkpoint make_checkpoint(std::int64_t count) {
  const auto made = make_header(count);
  const auto parsed = io::parse_safetensors_header(made.json, made.file_bytes, "file");
  io::checkpoint source;
  source.files.push_back({});
  source.files.back().bytes = made.file_bytes;
  source.files.back().data_offset = parsed.data_offset;
  for (const auto& tensor : parsed.tensors) {
    source.tensors.push_back({tensor.name, tensor.type, tensor.shape, 0, tensor.bytes});
    source.tensor_bytes += tensor.bytes.length;
  }
  return source;
}

void parse_header(benchmark::State& state) {
  const auto made = make_header(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(io::parse_safetensors_header(made.json, made.file_bytes, "file"));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void plan(benchmark::State& state) {
  const auto source = make_checkpoint(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(io::plan_buckets(source, {}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void digest_of_plan(benchmark::State& state) {
  const auto source = make_checkpoint(state.range(0));
  const auto planned = io::plan_buckets(source, {});
  for (auto _ : state)
    benchmark::DoNotOptimize(io::digest(source, planned));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void pickle_list(benchmark::State& state) {
  const auto source = make_checkpoint(state.range(0));
  std::vector<io::listed_tensor> listed;
  for (const auto& tensor : source.tensors)
    listed.push_back({tensor.name, "bfloat16", tensor.shape, tensor.bytes.offset});
  for (auto _ : state)
    benchmark::DoNotOptimize(io::pickle_tensor_list(listed));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// The time until the conductors of all hosts (8 devices each) run: plan and digest of one host, because all
/// hosts make theirs at the same time; then join, comparison and start of all hosts, in this process.
void start_cluster(benchmark::State& state) {
  const auto source = make_checkpoint(150'000);
  const auto hosts = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    const auto started = std::chrono::steady_clock::now();
    const auto planned = io::plan_buckets(source, {0, 4 << 20, hosts * 8, 8});
    const auto digest = io::digest(source, planned);
    const std::chrono::duration<double> planning = std::chrono::steady_clock::now() - started;
    apps::simulated_cluster_options options;
    options.layout = {hosts, 0, 8, 8};
    options.prepare = [&](actors::node_options& node) {
      node.introduction.plan_digest = digest;
      return true;
    };
    const auto outcome = apps::simulated_cluster{}.run(options);
    if (outcome.verdicts.at(0).first_cause.code != actors::ec::none)
      state.SkipWithError(outcome.verdicts[0].first_cause.what.c_str());
    state.SetIterationTime(planning.count() + outcome.start_seconds);
  }
}

BENCHMARK(start_cluster)->Arg(16)->Arg(256)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(parse_header)->Arg(100)->Arg(10'000);
BENCHMARK(plan)->Arg(100)->Arg(10'000);
BENCHMARK(digest_of_plan)->Arg(10'000);
BENCHMARK(pickle_list)->Arg(10)->Arg(1000);

} // namespace

BENCHMARK_MAIN();
