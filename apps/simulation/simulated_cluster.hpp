// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A cluster of hundreds of hosts in one process: the real coordinator and the real nodes, without network,
// disks and engines. A stand-in for each host's conductor reaches every milestone at once. For tests of how
// hosts agree and fail, and to measure the cost of agreeing.

#include "actors/cluster/coordinator.hpp"
#include "actors/cluster/node.hpp"

#include <functional>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

namespace ckpt::apps {

struct simulated_cluster_options {
  actors::cluster_layout layout; ///< of the cluster; `host` is ignored
  std::chrono::milliseconds timeout{20'000};
  std::chrono::milliseconds host_timeout{4'000};

  /// Changes a host's options before it starts; false leaves the host out.
  std::function<bool(actors::node_options&)> prepare = [](actors::node_options&) { return true; };

  /// The failure of `host`'s conductor right at its start; ec::none for none.
  std::function<actors::cause(std::uint32_t host)> fail = [](std::uint32_t) { return actors::cause{}; };
};

struct simulated_outcome {
  std::vector<actors::update_verdict> verdicts; ///< by host, of those that took part
  double start_seconds = 0; ///< from the first host's start to the start of the last host's conductor
};

class simulated_cluster {
public:
  simulated_cluster();

  /// Runs one update on all hosts to its end.
  [[nodiscard]] simulated_outcome run(const simulated_cluster_options& options);

private:
  struct config : caf::actor_system_config {
    config();
  };
  config config_;
  caf::actor_system system_;
};

} // namespace ckpt::apps
