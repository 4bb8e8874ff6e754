// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/comparisons.hpp"

#include "apps/bench/disk.hpp"
#include "apps/bench/page_cache.hpp"
#include "apps/bench/pread_loop.hpp"
#include "apps/bench/scratch_checkpoint.hpp"
#include "apps/bench/stopwatch.hpp"
#include "apps/bench/yardsticks.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace ckpt::apps::bench {
namespace {

/// The fraction of pages that may be in the wrong state, cached or not, before the figures get a remark.
constexpr double strayed_fraction_max = 0.01;

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * fraction);
  return text;
}

void remark_once(bench_report& report, const std::string& remark) {
  if (std::find(report.remarks.begin(), report.remarks.end(), remark) == report.remarks.end())
    report.remarks.push_back(remark);
}

void make_cold(const file_list& files, bench_report& report) {
  drop(files);
  if (const auto left = cached_fraction(files); left > strayed_fraction_max)
    remark_once(report, "the kernel kept " + percent(left)
                            + " of the files in the page cache: not all of it was cold");
}

void make_warm(const file_list& files, bench_report& report) {
  if (cached_fraction(files) < 1)
    warm_up(files);
  if (const auto there = cached_fraction(files); there < 1 - strayed_fraction_max)
    remark_once(report,
                "only " + percent(there) + " of the files fit in the page cache: not all of it was warm");
}

/// Reads, and adds a remark when the page cache supplied more or less than it should.
measurement read_and_check(staged_read& reader, const std::filesystem::path& checkpoint,
                           double expected_cached, bench_report& report) {
  const auto result = reader.run(checkpoint);
  const auto cached = reader.cached_fraction();
  if (std::abs(cached - expected_cached) > strayed_fraction_max)
    remark_once(report,
                percent(cached) + " of the bytes came from the page cache, not " + percent(expected_cached));
  return result;
}

constexpr auto at_least = bar::direction::at_least;
constexpr auto at_most = bar::direction::at_most;

double ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : 0; }

void append(bench_report& report, const std::vector<series>& all) {
  report.measured.insert(report.measured.end(), all.begin(), all.end());
}

file_list files_of(const std::filesystem::path& checkpoint) {
  file_list files;
  for (const auto& file : io::open_checkpoint(checkpoint).files)
    files.push_back(file.path);
  return files;
}

} // namespace

void measure_read(const compare_options& options, cache_state state, bench_report& report) {
  const auto files = files_of(options.checkpoint);
  staged_read reader{options.reading};
  const auto prepare = [&] {
    if (state == cache_state::cold)
      make_cold(files, report);
    if (state == cache_state::warm)
      make_warm(files, report);
  };
  const auto read = [&] {
    if (state == cache_state::as_is)
      return reader.run(options.checkpoint);
    return read_and_check(reader, options.checkpoint, state == cache_state::cold ? 0 : 1, report);
  };
  append(report,
         alternate({{"read with " + std::string{reader.engine_name()}, prepare, read}}, options.rounds));
}

void measure_dirty_read(const compare_options& options, bench_report& report) {
  staged_read reader{options.reading};
  scratch_checkpoint scratch{options.scratch};
  append(report, alternate({{"read just written", [&] { scratch.write_random(options.dirty_bytes); },
                             [&] { return read_and_check(reader, scratch.path(), 1, report); }}},
                           options.rounds));
}

void name_disk(const compare_options& options, bench_report& report) {
  // A link among the files may lead to another disk.
  const auto path = options.checkpoint.empty() ? options.scratch : files_of(options.checkpoint).front();
  report.remarks.push_back("disk: " + describe(find_disk(path)));
}

void compare_cold(const compare_options& options, bench_report& report) {
  const auto files = files_of(options.checkpoint);
  staged_read reader{options.reading};
  const auto prepare = [&] { make_cold(files, report); };
  std::vector<contender> contenders{
      {"cold: ckpt-actor", prepare, [&] { return read_and_check(reader, options.checkpoint, 0, report); }}};
  std::vector<fio_job> jobs;
  for (const auto huge_pages : {false, true})
    for (const std::uint64_t block_bytes : {1 << 20, 4 << 20})
      for (const unsigned depth : {16, 32})
        jobs.push_back({block_bytes, depth, huge_pages});
  for (const auto& job : jobs)
    contenders.push_back({"cold: " + name(job), prepare,
                          [&options, &files, job] { return read_with_fio(options.fio, job, files); }});
  const auto all = alternate(contenders, options.rounds);
  append(report, all);
  const auto ours = median_gib_per_second(all[0]);
  double fio_best = 0;
  for (std::size_t i = 1; i <= jobs.size(); ++i)
    fio_best = std::max(fio_best, median_gib_per_second(all[i]));
  report.bars.push_back({"cold rate / best of fio", ratio(ours, fio_best), at_least, 0.95});
  report.bars.push_back({"cold core-seconds per GiB", median_cpu_seconds_per_gib(all[0]), at_most, 0.15});
}

void compare_loaders(const compare_options& options, bench_report& report) {
  const python_loaders loaders{options.python, options.programs / "python_read.py"};
  const auto found = versions(loaders);
  if (!found.contains("torch") || !found.contains("safetensors"))
    throw std::runtime_error{options.python
                             + " has no torch or no safetensors: install apps/bench/requirements.txt"};
  const auto files = files_of(options.checkpoint);
  staged_read reader{options.reading};
  const auto prepare = [&] { make_cold(files, report); };
  const auto read_with = [&](const char* package) {
    return contender{"loaders: " + std::string{package} + " " + found.at(package), prepare,
                     [&, package] { return read_with_python(loaders, package, files); }};
  };
  std::vector<contender> contenders{
      {"loaders: ckpt-actor", prepare, [&] { return read_and_check(reader, options.checkpoint, 0, report); }},
      read_with("safetensors")};
  const auto* streamer = "runai-model-streamer";
  if (found.contains(streamer))
    contenders.push_back(read_with(streamer));
  else
    report.remarks.push_back("loaders: no " + std::string{streamer} + " in " + options.python);
  report.remarks.push_back("loaders: Python " + found.at("python") + ", torch " + found.at("torch"));

  const auto all = alternate(contenders, options.rounds);
  append(report, all);
  const auto lead = [&](const series& other) {
    return ratio(median_gib_per_second(all[0]), median_gib_per_second(other));
  };
  report.bars.push_back({"cold rate / safetensors", lead(all[1]), at_least, 3});
  if (all.size() < 3)
    return;
  report.bars.push_back({"cold rate / runai-model-streamer", lead(all[2]), at_least, 0.95});
  report.bars.push_back({"cold core-seconds / runai-model-streamer",
                         ratio(median_cpu_seconds_per_gib(all[0]), median_cpu_seconds_per_gib(all[2])),
                         at_most, 0.5});
}

void compare_warm(const compare_options& options, bench_report& report) {
  const auto files = files_of(options.checkpoint);
  staged_read reader{options.reading};
  const auto prepare = [&] { make_warm(files, report); };
  const auto all = alternate(
      {{"warm: ckpt-actor", prepare, [&] { return read_and_check(reader, options.checkpoint, 1, report); }},
       {"warm: pread, 2 threads", prepare, [&] { return read_with_pread(files); }}},
      options.rounds);
  append(report, all);
  report.remarks.push_back("warm: " + std::to_string(options.reading.copying_threads)
                           + " threads copy from the page cache");
  report.bars.push_back({"warm rate / pread, 2 threads",
                         ratio(median_gib_per_second(all[0]), median_gib_per_second(all[1])), at_least, 0.9});
}

void compare_dirty(const compare_options& options, bench_report& report) {
  staged_read reader{options.reading};
  scratch_checkpoint scratch{options.scratch};
  const auto read = [&] { return read_and_check(reader, scratch.path(), 1, report); };
  const auto make_dirty = [&] { scratch.write_random(options.dirty_bytes); };
  const auto make_clean = [&] {
    if (!scratch.exists())
      scratch.write_random(options.dirty_bytes);
    const auto files = files_of(scratch.path());
    flush(files);
    make_warm(files, report);
  };
  const auto all =
      alternate({{"just written", make_dirty, read}, {"flushed", make_clean, read}}, options.rounds);
  append(report, all);
  report.bars.push_back({"just written rate / flushed",
                         ratio(median_gib_per_second(all[0]), median_gib_per_second(all[1])), at_least, 0.9});
}

void compare_planning(const compare_options& options, bench_report& report) {
  scratch_checkpoint scratch{options.scratch};
  scratch.write_headers(100'000, 160);
  const auto plan = [&] {
    const stopwatch watch;
    const auto checkpoint = io::open_checkpoint(scratch.path());
    const auto planned = io::plan_buckets(checkpoint, {});
    return watch.stop(planned.chunks.empty() ? 1 : 0);
  };
  const auto all = alternate({{"headers and plan, 100,000 tensors", {}, plan}}, options.rounds);
  append(report, all);
  report.bars.push_back({"headers and plan, seconds", median_seconds(all[0]), at_most, 0.5});
}

} // namespace ckpt::apps::bench
