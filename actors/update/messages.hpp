// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The messages between the actors of a run; interfaces.hpp says which actor gets which.

#include "actors/error.hpp"
#include "actors/update/verdict.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <caf/meta/type_name.hpp>

namespace ckpt::actors {

/// A chunk of the plan is in memory. `slab` is empty when it lies in a mapped file, or is kept in memory.
struct chunk_ready {
  std::uint32_t chunk = 0;
  std::optional<std::uint32_t> slab;
  const std::byte* data = nullptr; ///< start of the chunk's window
};

/// The chunk has been copied to the device; its slab may be used again.
struct slab_free {
  std::uint32_t chunk = 0;
  std::optional<std::uint32_t> slab;
};

/// All bytes of the bucket are in its owner's ring.
struct bucket_staged {
  std::uint32_t bucket = 0;
};

/// All bytes of the bucket are in every ring of this host.
struct bucket_ready {
  std::uint32_t bucket = 0;
};

/// All workers of this host have acknowledged the first `count` buckets.
struct buckets_acknowledged {
  std::uint32_t count = 0;
};

/// A part of this host has failed. The first failure decides how the update ends.
struct part_failed {
  cause why;
};

/// A broadcast with a neighbour failed: that host may be lost, or may have failed and be about to say why.
/// Goes up to the coordinator.
struct neighbour_suspected {
  cause why;
};

/// The update has failed on this host: a message from its conductor or node to the coordinator.
struct host_failed {
  cause why;
};

/// The update has failed on some host: sent by the coordinator to the nodes, by these to their conductors.
struct give_up {
  cause why;
};

/// The user has interrupted the update on this host.
struct interrupted {
  cause why;
};

/// A point that all hosts have to reach before any of them goes on: the only barriers between hosts.
enum class milestone : std::uint8_t {
  ready,    ///< the channels are bound, and all servers would take an update
  cleared,  ///< engines are paused, and updates left by killed nodes have ended
  expected, ///< sessions expect workers: those that connect from here on were asked for
  taken,    ///< all workers have the last bucket: until then every update can be aborted
  through,  ///< all workers have let go of their rings and run their post hooks
  answered, ///< all servers have said that their updates succeeded
};

/// This host has reached the milestone.
struct milestone_reached {
  milestone at = milestone::ready;
};

/// All hosts have reached the milestone.
struct proceed {
  milestone past = milestone::ready;
};

/// In a failed update, from the leader of an engine over several hosts: its server will start no more
/// workers.
struct engine_settled {
  std::uint32_t engine = 0;
};

/// The same, from the coordinator to the hosts that drive the engine's workers.
struct no_more_workers {
  std::uint32_t engine = 0;
};

/// A worker session got as far as `step`.
struct session_progress {
  enum class step : std::uint8_t {
    bound,        ///< its channel is bound
    expecting,    ///< a worker that connects now is one that was asked for
    came,         ///< the worker has connected
    opened,       ///< the worker has opened the ring
    listed,       ///< it was sent the first list: its weights may have changed
    acknowledged, ///< the worker has taken `bucket`
    finished,     ///< the worker has let go of the ring and run its post hook
    closed,       ///< the channel is closed, after an abort
  } at = step::bound;
  std::uint32_t device = 0;
  std::uint32_t bucket = 0;
  bool has_left_worker = false; ///< with closed: a worker may still wait for the next node that binds it
};

/// A server notifier got as far as `step`.
struct server_progress {
  enum class step : std::uint8_t {
    ready,    ///< the server would take an update now
    cleared,  ///< the engine is paused, and no earlier update is left
    answered, ///< the server says that its update succeeded
    closed,   ///< the version is confirmed, and the engine generates again
    proved,   ///< it was asked for its checksums
    ended,    ///< after an abort: the server starts no worker any more, or its answer is not waited for
  } at = step::ready;
  std::uint32_t engine = 0; ///< among those that this host leads
  engine_account account;   ///< with closed, proved and ended
};

/// Tells a session or a notifier that the update has failed.
struct abort_update {
  std::string why;
  /// For how long a server that has not answered may still start its workers. Zero: it was not asked to.
  std::chrono::milliseconds late_workers{0};
};

// The following types are sent between hosts, field by field.

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cause& x) {
  return f(caf::meta::type_name("cause"), x.code, x.what, x.engine, x.detail);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, neighbour_suspected& x) {
  return f(caf::meta::type_name("neighbour_suspected"), x.why);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, host_failed& x) {
  return f(caf::meta::type_name("host_failed"), x.why);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, give_up& x) {
  return f(caf::meta::type_name("give_up"), x.why);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, milestone_reached& x) {
  return f(caf::meta::type_name("milestone_reached"), x.at);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, proceed& x) {
  return f(caf::meta::type_name("proceed"), x.past);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, engine_settled& x) {
  return f(caf::meta::type_name("engine_settled"), x.engine);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, no_more_workers& x) {
  return f(caf::meta::type_name("no_more_workers"), x.engine);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, engine_proof& x) {
  return f(caf::meta::type_name("engine_proof"), x.digest, x.failed, x.differs, x.parameters, x.seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, engine_account& x) {
  return f(caf::meta::type_name("engine_account"), x.said, x.pause, x.pause_seconds, x.remarks,
           x.version_before, x.version_after, x.is_unanswered, x.has_no_weights, x.proof);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, engine_share& x) {
  return f(caf::meta::type_name("engine_share"), x.engine, x.endpoint, x.is_spared, x.listed, x.finished,
           x.answered, x.closed, x.account, x.bytes, x.seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stage_report& x) {
  return f(caf::meta::type_name("stage_report"), x.stage, x.bytes, x.busy_seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, span& x) {
  return f(caf::meta::type_name("span"), x.part, x.begin_ns, x.end_ns, x.is_over);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, track_report& x) {
  return f(caf::meta::type_name("track_report"), x.of, x.name, x.spans);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, startup_report& x) {
  return f(caf::meta::type_name("startup_report"), x.devices_seconds, x.memory_seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, peer_offer& x) {
  return f(caf::meta::type_name("peer_offer"), x.address, x.port, x.tables_digest, x.share_digest);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, host_verdict& x) {
  return f(caf::meta::type_name("host_verdict"), x.host, x.name, x.first_cause, x.engines, x.stages, x.tracks,
           x.startup, x.seconds, x.connect_seconds, x.ready_seconds, x.from_page_cache_bytes,
           x.in_place_bytes, x.reader_engine, x.offer, x.parts_left);
}

} // namespace ckpt::actors
