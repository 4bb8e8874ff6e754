// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What hosts say of an update, for tests of what is made of it.

#include "actors/update/verdict.hpp"

#include <cstdint>
#include <vector>

namespace ckpt::actors {

inline constexpr cluster_layout one_engine_on_two_hosts{2, 0, 1, 2};

/// What each of two hosts says of the one engine that has a worker on each; host 0 leads it.
inline std::vector<host_verdict> two_shares() {
  std::vector<host_verdict> hosts(2);
  for (std::uint32_t host = 0; host < 2; ++host) {
    engine_share share;
    share.listed = share.finished = true;
    share.bytes = 100 - 10 * host;
    hosts[host].host = host;
    hosts[host].engines.push_back(share);
    hosts[host].stages.push_back({"disk", 50, 1.0 + host});
    hosts[host].stages.push_back({"broadcast", 50, 1.0});
    hosts[host].connect_seconds = 3.0 - host;
  }
  hosts[0].engines[0].endpoint = "A";
  hosts[0].engines[0].answered = hosts[0].engines[0].closed = true;
  return hosts;
}

} // namespace ckpt::actors
