// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that runs one update on this host: spawns the others, passes on credit, and turns the first
// failure into one abort for all. Event-based, never blocks. No tensor byte and no chunk passes through it:
// about two messages per bucket and worker.
//
//   starting ─> clearing ─> transferring ─> finishing ─> closing ─> proving ─> ending ─> verdict
//       └───────────┴──────────────┴────────────┴───────────┴──────────┴─> aborting ─┘
//
// No engine is paused before all engines on all hosts are ready to take the update, and none is asked to
// start workers for it before all are paused. No worker is told to finish before all workers of all engines
// on all hosts have taken the last bucket: until then every engine can still be told that the update failed.
// At each milestone the conductor tells its node that this host has reached it (milestone_reached), and goes
// on when all hosts have (proceed).

#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/update/update.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include <caf/typed_response_promise.hpp>

namespace ckpt::actors {

struct conductor_state {
  static inline const char* name = "conductor";

  enum class phase : std::uint8_t {
    starting,
    clearing,
    transferring,
    finishing,
    closing,
    proving,
    aborting,
    ending,
    over
  };

  struct device_part {
    worker_session_actor session;
    stager_actor stager;
    bool bound = false;
    bool expecting = false;
    bool came = false;
    bool opened = false;
    bool listed = false;
    bool finished = false;
    bool closed = false;
    std::uint32_t acknowledged = 0; ///< buckets
    std::uint64_t acknowledged_bytes = 0;
  };

  struct engine_part {
    server_notifier_actor notifier;
    bool ready = false;
    bool cleared = false;
    bool answered = false;
    bool closed = false;
    bool proved = false;
    bool ended = false;
    engine_account account; ///< once closed, proved or ended
    double seconds = 0;
  };

  update_ptr context;
  node_actor node;
  phase at = phase::starting;
  chunk_source_actor reader;
  broadcaster_actor broadcaster;
  std::vector<device_part> devices;
  std::vector<engine_part> engines;        ///< those that this host leads
  std::vector<caf::actor_addr> living;     ///< the parts that have not ended yet
  std::uint32_t acknowledged = 0;          ///< buckets that all workers here have acknowledged
  meter::clock::time_point check_deadline; ///< set after the last bucket
  bool checked = false;                    ///< after the last bucket: the files have not changed
  bool ready = false;                      ///< milestone::ready was reported
  bool answered = false;                   ///< milestone::answered was reported
  cause first_cause;
  std::optional<meter::clock::time_point> given_up; ///< when there was one
  meter::clock::time_point started;
  double ready_seconds = 0;
  std::optional<double> update_seconds; ///< without the proof; set once all engines are closed
  caf::typed_response_promise<host_verdict> promise;

  /// The workers of this host that belong to `engine`.
  [[nodiscard]] std::span<device_part> workers_of(std::uint32_t engine) {
    const auto here = context->layout.devices_of_engine(engine);
    return std::span{devices}.subspan(here.begin, here.size());
  }
  [[nodiscard]] std::span<const device_part> workers_of(std::uint32_t engine) const {
    const auto here = context->layout.devices_of_engine(engine);
    return std::span{devices}.subspan(here.begin, here.size());
  }

  /// The index in the cluster of an engine that this host leads.
  [[nodiscard]] std::uint32_t led_engine(std::uint32_t index) const {
    return context->layout.engines_led_by(context->layout.host).begin + index;
  }

  /// Since the update began.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>{meter::clock::now() - started}.count();
  }
};

/// Scheduled. Ends by itself once it has answered, unless its parts could not be started.
conductor_actor::behavior_type conductor(conductor_actor::stateful_pointer<conductor_state> self,
                                         update_ptr context, node_actor node);

} // namespace ckpt::actors
