// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A part of the engine on another host. A real engine's first host passes an update on to the workers of its
// other hosts; here these are the workers of another ckpt-sink, which gets its part of the update over HTTP
// as from a pusher. Blocks; each follower of an update has a thread of its own.

#include "apps/sink/options.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::apps::sink {

/// A follower's result. The update was good for all its workers when `error` is empty.
struct follower_outcome {
  std::string url;
  std::string error;
};

/// Lets a follower's workers serve `devices` and waits for its answer until `stop` turns true. All errors are
/// in the outcome.
[[nodiscard]] follower_outcome lead(const sink_options& options, const io::http_endpoint& follower,
                                    const std::vector<io::device_channel>& devices,
                                    const std::optional<std::string>& weight_version,
                                    const std::atomic<bool>& stop);

} // namespace ckpt::apps::sink
