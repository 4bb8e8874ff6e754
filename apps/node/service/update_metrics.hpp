// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a resident node counts of its updates, and Prometheus' text of it. Any thread.

#include "actors/update/verdict.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace ckpt::apps {

/// Prometheus' text format.
class metrics_text {
public:
  /// Begins a metric; its samples follow. `kind`: counter, gauge or histogram.
  void begin(std::string_view name, std::string_view kind, std::string_view help);

  /// A sample of the metric. `suffix` goes after its name; `labels` are as in the format, without braces.
  void sample(double value, std::string_view labels = {}, std::string_view suffix = {});

  /// A metric of one sample.
  void add(std::string_view name, std::string_view kind, std::string_view help, double value) {
    begin(name, kind, help);
    sample(value);
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
  std::string name_;
  std::string text_;
};

/// Durations, from five milliseconds to ten minutes.
class seconds_histogram {
public:
  void add(double seconds);

  /// The samples of one histogram; `labels` are each of theirs.
  void write(metrics_text& text, const std::string& labels = {}) const;

private:
  static constexpr std::array bounds{.005, .01, .025, .05, .1,  .25,  .5,   1.,
                                     2.5,  5.,  10.,  30., 60., 120., 300., 600.};

  std::array<std::uint64_t, bounds.size() + 1>
      counts_{}; ///< of those up to each bound and above the one before
  double sum_ = 0;
};

class update_metrics {
public:
  /// A version was prepared while engines served.
  void note_preparation(double seconds);

  /// Engines were brought a version, or a try of it ended: also by the roll-back after a failure.
  void note_push(const actors::update_verdict& verdict);

  void write(metrics_text& text) const;

private:
  struct stage {
    std::uint64_t bytes = 0;
    double busy_seconds = 0;
    double last_bytes_per_second = 0;
  };

  mutable std::mutex mutex_; ///< guards what follows
  seconds_histogram preparations_;
  seconds_histogram pauses_;
  seconds_histogram updated_; ///< pushes after which all engines serve the version
  seconds_histogram failed_;
  std::map<std::string, stage> stages_;
};

} // namespace ckpt::apps
