// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The result of each update: a line on standard output, and the JSON file of --report. One thread uses a
// report.

#include "apps/sink/update.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include <boost/json/array.hpp>

namespace ckpt::apps::sink {

struct report_entry {
  std::uint64_t serial = 0;
  std::optional<std::string> weight_version;
  std::string error; ///< empty when the update was good
  update_outcome outcome;
};

class report {
public:
  explicit report(const sink_options& options);

  /// Prints the entry and rewrites the file. A file that cannot be written is complained about, not fatal.
  void add(const report_entry& entry);

private:
  void write() const;

  const sink_options& options_;
  boost::json::array updates_;
};

/// Replaces the file `path` with `content` in one step, so that nobody reads half of it. Throws
/// std::system_error.
void replace_file(const std::string& path, const std::string& content);

} // namespace ckpt::apps::sink
