// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor on host 0 that coordinates the hosts of an update: waits for all, compares their plans, lets them
// pass each milestone together, watches their heartbeats, and ends the update on all at the first failure.
//
//   joining ─> running ─> telling ─> (over)
//       └──────────┴─> failing ─┘
//
// Scheduled, never blocks. Bound: one entry per host; a host sends it a handful of messages and one `alive`
// every half second, whatever the size of the checkpoint. Waits: `timeout` for the hosts to come,
// `host_timeout` for a sign of life; after a failure `stay_time` and some seconds for the hosts' verdicts; at
// the end up to five seconds for goodbyes, and for hosts that come late.

#include "actors/cluster/attention.hpp"
#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/cluster_layout.hpp"
#include "actors/update/meter.hpp"
#include "actors/update/proofs.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::actors {

struct coordinator_options {
  cluster_layout layout;                         ///< as host 0 sees it
  std::chrono::milliseconds timeout{300'000};    ///< for all hosts to come
  std::chrono::milliseconds host_timeout{4'000}; ///< silence after which a host is lost
  std::chrono::milliseconds stay_time{300'000};  ///< how long hosts may stay with servers after a failure

  bool records = false; ///< what the hosts did when: goes into their verdicts, for a trace

  /// Set when engines have to prove what they serve: returns what each should hold. Called when all hosts
  /// have delivered good verdicts.
  std::function<expected_proof()> expected{};
};

struct coordinator_state {
  static inline const char* name = "coordinator";

  enum class phase : std::uint8_t { joining, running, failing, telling, over };

  struct member {
    node_actor node;
    bool here = false; ///< has joined
    bool gone = false; ///< lost, or has said goodbye
    join_request introduction;
    meter::clock::time_point heard;
    std::uint32_t milestones = 0; ///< how many it has reached; they come in order
    std::optional<host_verdict> verdict;
  };

  coordinator_options options;
  phase at = phase::joining;
  std::vector<member> members;                      ///< by host
  std::map<caf::actor_addr, std::uint32_t> host_of; ///< by node
  std::uint32_t here_count = 0;
  std::uint32_t milestones_passed = 0;
  cause first_cause;
  std::optional<cause> suspicion; ///< a host's report that another is lost, held back for a better cause
  meter::clock::time_point suspected;
  meter::clock::time_point deadline; ///< of the present phase
  meter::clock::time_point told_missing;
  attention looks;
  bool failed_while_joining = false;
  bool has_begun = false; ///< hosts were told to start
};

/// Scheduled. Ends by itself when every host knows the outcome, or cannot be reached.
coordinator_actor::behavior_type coordinator(coordinator_actor::stateful_pointer<coordinator_state> self,
                                             coordinator_options options);

} // namespace ckpt::actors
