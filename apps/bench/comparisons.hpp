// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The comparisons behind this project's claims. Each adds to a report: its series, its bars, and remarks on
// what went differently than asked.

#include "apps/bench/report.hpp"
#include "apps/bench/staged_read.hpp"

#include <filesystem>
#include <string>

namespace ckpt::apps::bench {

struct compare_options {
  std::filesystem::path checkpoint;
  std::filesystem::path scratch;  ///< on the measured disk; everything written there is removed
  std::filesystem::path programs; ///< where ckpt-actor-node, ckpt-sink and python_read.py are
  staged_read_options reading;
  unsigned rounds = 5;
  std::string fio = "fio";
  std::string python; ///< for compare_loaders
  std::uint64_t dirty_bytes = std::uint64_t{1} << 30;
};

enum class cache_state : std::uint8_t { cold, warm, as_is };

/// Our reader alone, on the checkpoint in this state.
void measure_read(const compare_options& options, cache_state state, bench_report& report);

/// Our reader alone, on a checkpoint that was just written to scratch.
void measure_dirty_read(const compare_options& options, bench_report& report);

/// Adds a remark that names the measured disk.
void name_disk(const compare_options& options, bench_report& report);

/// Uncached files: against fio.
void compare_cold(const compare_options& options, bench_report& report);

/// Uncached files: against loaders of Python programs. Throws std::runtime_error when safetensors is not
/// installed; other loaders that are missing get a remark.
void compare_loaders(const compare_options& options, bench_report& report);

/// Cached files: against two threads with pread.
void compare_warm(const compare_options& options, bench_report& report);

/// Files just written and not flushed, against the same files flushed and cached.
void compare_dirty(const compare_options& options, bench_report& report);

/// Headers and plan of 100,000 tensors in 160 shards.
void compare_planning(const compare_options& options, bench_report& report);

/// A whole update, from cold files to the acknowledgement of a sink, against its busiest stage.
void compare_update(const compare_options& options, bench_report& report);

} // namespace ckpt::apps::bench
