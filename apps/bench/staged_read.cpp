// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/staged_read.hpp"

#include "apps/bench/stopwatch.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"

#include <cstring>
#include <iostream>
#include <stdexcept>

namespace ckpt::apps::bench {
namespace {

/// No local disk takes that long for one read.
constexpr std::chrono::seconds wait_max{60};

} // namespace

staged_read::staged_read(const staged_read_options& options)
    : options_{options}, slabs_{options.in_flight_max, options.chunk_bytes} {
  std::memset(slabs_.memory().data(), 1, slabs_.memory().size());
  io::chunk_reader_options reader;
  reader.in_flight_max = options.in_flight_max;
  reader.request_bytes_max = options.chunk_bytes;
  reader.threads = options.threads;
  reader.copying_threads = options.copying_threads;
  reader.engine = options.engine;
  reader_ = io::make_chunk_reader(reader, [](std::string_view line) { std::cerr << line << '\n'; });
}

measurement staged_read::run(const std::filesystem::path& path) {
  const auto checkpoint = io::open_checkpoint(path);
  io::plan_options planning;
  planning.chunk_bytes = options_.chunk_bytes;
  const auto plan = io::plan_buckets(checkpoint, planning);

  const stopwatch watch;
  std::vector<io::source_file> files;
  for (const auto& file : checkpoint.files)
    files.emplace_back(file);
  std::uint64_t cached_bytes = 0;
  std::uint64_t read_bytes = 0;
  std::vector<io::slab_index> slab_of_chunk(plan.chunks.size());
  std::vector<io::read_result> results;
  std::size_t next = 0;
  while (next < plan.chunks.size() || reader_->in_flight() > 0) {
    for (; next < plan.chunks.size() && slabs_.free_count() > 0; ++next) {
      const auto& chunk = plan.chunks[next];
      slab_of_chunk[next] = *slabs_.take();
      if (!reader_->submit({&files[chunk.file], chunk.window, chunk.needed_bytes,
                            slabs_.bytes(slab_of_chunk[next]).data(), next})) {
        slabs_.give_back(slab_of_chunk[next]);
        break;
      }
    }
    results.clear();
    if (reader_->wait(wait_max, results) == 0)
      throw std::runtime_error{"no read came back within a minute"};
    for (const auto& result : results) {
      const auto& chunk = plan.chunks[result.tag];
      slabs_.give_back(slab_of_chunk[result.tag]);
      if (result.error)
        throw std::system_error{result.error, files[chunk.file].path()};
      read_bytes += chunk.needed_bytes;
      if (result.path == io::read_path::page_cache)
        cached_bytes += chunk.needed_bytes;
    }
  }
  auto result = watch.stop(read_bytes);
  result.cached_fraction = static_cast<double>(cached_bytes) / static_cast<double>(read_bytes);
  return result;
}

} // namespace ckpt::apps::bench
