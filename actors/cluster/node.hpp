// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that represents its host in an update: joins the coordinator, runs the conductor once all hosts
// are there, passes the conductor's milestones to the coordinator and the coordinator's decisions to the
// conductor, and delivers the verdict.
//
//   dialing ─> joining ─> running ─> waiting ─> over
//                            (conductor)    (for the outcome of all)
//
// Scheduled, never blocks. Waits: the dialer has a deadline; after that the coordinator has to send a
// heartbeat within every `host_timeout`, or host 0 is lost and the update ends here.

#include "actors/cluster/attention.hpp"
#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/cluster/dialer.hpp"
#include "actors/update/meter.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include <caf/typed_response_promise.hpp>

namespace ckpt::actors {

/// On host 0 the coordinator itself, elsewhere how to reach it.
struct way_to_coordinator {
  coordinator_actor here;
  outside_line line;
  dial_options dial;
};

struct node_options {
  cluster_layout layout;
  std::optional<std::string> weight_version;
  std::chrono::milliseconds host_timeout{4'000};
  way_to_coordinator coordinator;
  join_request introduction;
  std::uint32_t protocol = protocol_version; ///< another one in tests only
  std::vector<io::file_identity> files;
  peer_offer offer; ///< for the verdict
  /// Connects the data path and starts the conductor. Throws an exception of any kind where that fails.
  std::function<conductor_actor(const start_update&, const node_actor&)> begin;
};

struct node_state {
  static inline const char* name = "node";

  enum class phase : std::uint8_t { dialing, joining, running, waiting, over };

  node_options options;
  phase at = phase::dialing;
  coordinator_actor coordinator;
  bool is_introduced = false; ///< has sent its join_request
  caf::actor dialing;         ///< the dialer
  conductor_actor conductor;
  meter::clock::time_point heard; ///< from the coordinator
  attention looks;
  bool coordinator_lost = false;
  cause given_up; ///< why the update ends, by the coordinator or, if that is lost, by this node
  std::optional<host_verdict> verdict;
  caf::typed_response_promise<update_verdict> promise;
};

/// Scheduled. Ends by itself once it has answered.
node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self, node_options options);

} // namespace ckpt::actors
