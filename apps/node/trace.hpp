// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What all hosts of an update did and when, for people: the Chrome trace format, which ui.perfetto.dev opens. Bound:
// actors::spans_max spans of buckets.

#include "actors/update/update.hpp"
#include "actors/update/verdict.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ckpt::apps {

struct trace {
  /// Each host's times count from the message that told all hosts to start. So between hosts they are off by the time
  /// that the message took.
  struct host {
    std::uint32_t number = 0;
    std::string name;
    std::vector<actors::track_report> tracks;
  };

  std::string version;                     ///< or the checkpoint's name
  std::uint32_t buckets = 0;               ///< of the update
  std::uint32_t recorded_every = 1;        ///< one bucket in so many was recorded
  std::vector<std::uint64_t> bucket_bytes; ///< of those
  std::vector<host> hosts;                 ///< those that have sent a verdict
};

/// Has no spans where nothing was recorded, or nothing began.
[[nodiscard]] trace trace_of(const actors::update_verdict& verdict, const actors::update& update);

/// The trace as JSON. A process is a host; spans that overlap are on lines of their own, because viewers nest those
/// of one line.
[[nodiscard]] std::string chrome_json(const trace& recorded);

} // namespace ckpt::apps
