// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The numbers in a cluster: ranks are devices, counted host by host; engines are runs of consecutive ranks.
//
//   host      0               1               2               3
//   rank    | 0   1   2   3 | 4   5   6   7 | 8   9  10  11 |12  13  14  15 |    4 devices per host
//   engine  | 0   0   0   0   0   0   0   0 | 1   1   1   1   1   1   1   1 |    8 devices per engine
//
// The host of an engine's first rank leads it: the engine's server is there. Pure; any thread.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ckpt::actors {

struct cluster_layout {
  std::uint32_t hosts = 1;
  std::uint32_t host = 0; ///< this one
  std::uint32_t devices_per_host = 1;
  std::uint32_t devices_per_engine = 1;

  /// Consecutive ranks, engines or hosts.
  struct range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    [[nodiscard]] constexpr std::uint32_t size() const { return end - begin; }
    [[nodiscard]] constexpr bool contains(std::uint32_t index) const { return index >= begin && index < end; }
  };

  [[nodiscard]] constexpr std::uint32_t rank_count() const { return hosts * devices_per_host; }
  [[nodiscard]] constexpr std::uint32_t engine_count() const { return rank_count() / devices_per_engine; }
  [[nodiscard]] constexpr range ranks_of_host(std::uint32_t which) const {
    return {which * devices_per_host, (which + 1) * devices_per_host};
  }
  [[nodiscard]] constexpr range ranks_of_engine(std::uint32_t engine) const {
    return {engine * devices_per_engine, (engine + 1) * devices_per_engine};
  }
  [[nodiscard]] constexpr std::uint32_t host_of_rank(std::uint32_t rank) const {
    return rank / devices_per_host;
  }
  [[nodiscard]] constexpr std::uint32_t engine_of_rank(std::uint32_t rank) const {
    return rank / devices_per_engine;
  }

  /// The hosts that have ranks of `engine`; the first of them leads it.
  [[nodiscard]] constexpr range hosts_of_engine(std::uint32_t engine) const {
    const auto ranks = ranks_of_engine(engine);
    return {host_of_rank(ranks.begin), host_of_rank(ranks.end - 1) + 1};
  }
  [[nodiscard]] constexpr std::uint32_t leader_of_engine(std::uint32_t engine) const {
    return host_of_rank(ranks_of_engine(engine).begin);
  }
  [[nodiscard]] constexpr bool spans_hosts(std::uint32_t engine) const {
    return hosts_of_engine(engine).size() > 1;
  }

  /// The devices of this host, counted from 0 here, that belong to `engine`. It must have some here.
  [[nodiscard]] constexpr range devices_of_engine(std::uint32_t engine) const {
    const auto here = ranks_of_host(host);
    const auto ranks = ranks_of_engine(engine);
    return {std::max(here.begin, ranks.begin) - here.begin, std::min(here.end, ranks.end) - here.begin};
  }

  /// The engines that have ranks on host `which`.
  [[nodiscard]] constexpr range engines_on_host(std::uint32_t which) const {
    const auto ranks = ranks_of_host(which);
    return {engine_of_rank(ranks.begin), engine_of_rank(ranks.end - 1) + 1};
  }

  /// The engines whose servers are on host `which`.
  [[nodiscard]] constexpr range engines_led_by(std::uint32_t which) const {
    const auto ranks = ranks_of_host(which);
    const auto round_up = [this](std::uint32_t rank) {
      return (rank + devices_per_engine - 1) / devices_per_engine;
    };
    return {round_up(ranks.begin), round_up(ranks.end)};
  }
};

/// The cluster reduced to `hosts`, which are sorted, make up whole engines and include `layout.host`.
[[nodiscard]] inline cluster_layout among(const cluster_layout& layout,
                                          const std::vector<std::uint32_t>& hosts) {
  auto fewer = layout;
  fewer.hosts = static_cast<std::uint32_t>(hosts.size());
  fewer.host = static_cast<std::uint32_t>(std::ranges::find(hosts, layout.host) - hosts.begin());
  return fewer;
}

/// The hosts that are here, without those that share engines with one that is missing.
[[nodiscard]] inline std::vector<std::uint32_t>
hosts_of_whole_engines(const cluster_layout& layout, const std::function<bool(std::uint32_t)>& is_here) {
  std::vector<std::uint32_t> whole, sharing;
  bool are_here = true;
  for (std::uint32_t host = 0; host < layout.hosts; ++host) {
    sharing.push_back(host);
    are_here = are_here && is_here(host);
    if (layout.ranks_of_host(host).end % layout.devices_per_engine != 0)
      continue; // Its last engine continues on the next host.
    if (are_here)
      whole.insert(whole.end(), sharing.begin(), sharing.end());
    sharing.clear();
    are_here = true;
  }
  return whole;
}

/// Throws std::invalid_argument when the devices of all hosts are not whole engines.
inline void require_whole_engines(const cluster_layout& layout) {
  if (layout.rank_count() % layout.devices_per_engine != 0)
    throw std::invalid_argument{std::to_string(layout.hosts) + " host(s) of "
                                + std::to_string(layout.devices_per_host)
                                + " device(s) are not whole engines of "
                                + std::to_string(layout.devices_per_engine) + " (--inference-parallel-size)"};
}

} // namespace ckpt::actors
