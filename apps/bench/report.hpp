// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What was measured, round by round, for people and for programs: compare.py makes medians and bars of it. One
// thread uses an object.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace ckpt::apps::bench {

/// One round.
struct measurement {
  std::uint64_t bytes = 0; ///< 0 where only the time counts
  double seconds = 0;
  double cpu_seconds = 0;     ///< of all threads, kernel workers included
  double cached_fraction = 0; ///< of a read's bytes, 0 to 1: they came from the page cache
};

/// The rounds of one thing.
struct series {
  std::string name;
  std::vector<measurement> rounds;
};

struct bench_report {
  std::vector<series> measured;
  std::vector<std::string> remarks; ///< what readers of the figures have to know
};

void print(const bench_report& report, std::ostream& out);

/// Writes the report as JSON. Throws std::system_error.
void write_json(const bench_report& report, const std::filesystem::path& path);

} // namespace ckpt::apps::bench
