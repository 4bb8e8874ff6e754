// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The results of the measurements, for people and for programs. One thread uses an object.

#include "apps/bench/statistics.hpp"

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace ckpt::apps::bench {

struct bench_report {
  std::vector<series> measured;
  std::vector<bar> bars;
  std::vector<std::string> remarks; ///< what readers of the figures have to know

  [[nodiscard]] bool all_hold() const noexcept;
};

/// Two tables, medians and bars, and the remarks.
void print(const bench_report& report, std::ostream& out);

[[nodiscard]] std::string to_json(const bench_report& report);

/// Writes to_json() to `path`. Throws std::system_error.
void write_json(const bench_report& report, const std::filesystem::path& path);

} // namespace ckpt::apps::bench
