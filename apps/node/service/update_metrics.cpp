// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/update_metrics.hpp"

#include <algorithm>
#include <cstdio>

namespace ckpt::apps {
namespace {

/// Counts in full: Prometheus computes differences of them.
[[nodiscard]] std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

/// As a person would write a bound.
[[nodiscard]] std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

} // namespace

void metrics_text::begin(std::string_view name, std::string_view kind, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(kind).append("\n");
}

void metrics_text::sample(double value, std::string_view labels, std::string_view suffix) {
  text_.append(name_).append(suffix);
  if (!labels.empty())
    text_.append("{").append(labels).append("}");
  text_.append(" ").append(number(value)).append("\n");
}

void seconds_histogram::add(double seconds) {
  ++counts_[static_cast<std::size_t>(std::ranges::lower_bound(bounds, seconds) - bounds.begin())];
  sum_ += seconds;
}

void seconds_histogram::write(metrics_text& text, const std::string& labels) const {
  const auto before = labels.empty() ? std::string{} : labels + ",";
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < counts_.size(); ++at) {
    count += counts_[at];
    const auto bound = at < bounds.size() ? short_number(bounds[at]) : "+Inf";
    text.sample(static_cast<double>(count), before + "le=\"" + bound + "\"", "_bucket");
  }
  text.sample(sum_, labels, "_sum");
  text.sample(static_cast<double>(count), labels, "_count");
}

void update_metrics::note_preparation(double seconds) {
  const std::lock_guard lock{mutex_};
  preparations_.add(seconds);
}

void update_metrics::note_push(const actors::update_verdict& verdict) {
  const std::lock_guard lock{mutex_};
  (verdict.first_cause.code == actors::ec::none ? updated_ : failed_).add(verdict.seconds);
  for (const auto& engine : verdict.engines)
    if (engine.account.pause_seconds > 0) // Not where the engine could not be woken up.
      pauses_.add(engine.account.pause_seconds);
  for (const auto& done : actors::merge_stages(verdict.hosts)) {
    auto& known = stages_[done.stage];
    known.bytes += done.bytes;
    known.busy_seconds += done.busy_seconds;
    known.last_bytes_per_second =
        done.busy_seconds > 0 ? static_cast<double>(done.bytes) / done.busy_seconds : 0;
  }
}

void update_metrics::write(metrics_text& text) const {
  const std::lock_guard lock{mutex_};
  text.begin("ckpt_actor_prepare_seconds", "histogram",
             "Time to read and check a version while engines serve");
  preparations_.write(text);
  text.begin("ckpt_actor_push_seconds", "histogram",
             "Time to bring a prepared version into the engines, also by a roll-back, by how it ended");
  updated_.write(text, "outcome=\"updated\"");
  failed_.write(text, "outcome=\"failed\"");
  text.begin("ckpt_actor_pause_seconds", "histogram",
             "Time for which an engine was paused, for each engine and push");
  pauses_.write(text);
  const auto by_stage = [&](auto stage::*value, const char* name, const char* kind, const char* help) {
    text.begin(name, kind, help);
    for (const auto& [of, done] : stages_)
      text.sample(static_cast<double>(done.*value), "stage=\"" + of + "\"");
  };
  by_stage(&stage::bytes, "ckpt_actor_stage_bytes_total", "counter",
           "Bytes that the stage has moved, on all hosts");
  by_stage(&stage::busy_seconds, "ckpt_actor_stage_busy_seconds_total", "counter",
           "Time in which the stage was at work on its busiest host; waits for other stages do not count");
  by_stage(&stage::last_bytes_per_second, "ckpt_actor_stage_bytes_per_second", "gauge",
           "Rate of the stage in the last push, while it was at work");
}

} // namespace ckpt::apps
