// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The names of hosts in messages, the check whether two hosts fit together, and the start_update that tells
// each host about the others. Pure; any thread.

#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/cluster_layout.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace ckpt::actors {

/// The interval of the heartbeat between hosts.
inline constexpr auto alive_interval = std::chrono::milliseconds{500};

/// "host 2 (node17)".
[[nodiscard]] inline std::string host_label(std::uint32_t host, const std::string& name) {
  return "host " + std::to_string(host) + (name.empty() ? "" : " (" + name + ")");
}

/// "hosts 1, 3 and 5 more" of those for which `is_here` is false; empty when all are here.
[[nodiscard]] std::string describe_missing(std::size_t hosts,
                                           const std::function<bool(std::uint32_t)>& is_here);

/// How `other` does not fit `first`, the introduction of host 0: "host 3 (node17) was started with
/// --bucket-size 4096, host 0 with 8192". Empty when they fit; plans are not compared here.
[[nodiscard]] std::string describe_misfit(const join_request& first, const join_request& other,
                                          const cluster_layout& layout);

/// The start_update for `host`, made of the introductions of all.
[[nodiscard]] start_update
make_start(std::uint32_t host, const cluster_layout& layout, const std::string& secret,
           const std::function<const join_request&(std::uint32_t)>& introduction_of);

} // namespace ckpt::actors
