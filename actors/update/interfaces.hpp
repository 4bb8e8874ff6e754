// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// All messages and actor interfaces on one host, in the order in which a bucket meets them:
//
//   disk_reader ──chunk_ready──> stager ──bucket_staged──> broadcaster ──bucket_ready──> worker_session
//        ^──────slab_free─────────┘  ^                          ^                               │
//                                    └──buckets_acknowledged────┴── conductor <─session_progress┘
//                                                                       ^──server_progress── server_notifier
//
// All of them live in one process. Messages carry the places of tensor bytes, never the bytes. The messages
// between hosts are in cluster_interfaces.hpp.

#include "actors/error.hpp"
#include "actors/update/verdict.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

namespace ckpt::actors {

/// A chunk of the plan is in memory. `slab` is empty when it lies in a mapped file.
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

/// A part of this host has failed. The first one decides how the update ends.
struct part_failed {
  cause why;
};

/// A broadcast with a neighbour failed: that host may be lost, or may have failed and be about to say why.
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
  expected, ///< sessions expect workers: from here on only requested ones connect
  taken,    ///< all workers have the last bucket: before, every update can still be aborted
  through,  ///< all workers have let go of their rings and run their post hooks
  answered, ///< all servers have said that their updates succeeded
};

/// This host has reached it.
struct milestone_reached {
  milestone at = milestone::ready;
};

/// All hosts have reached it.
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
};

/// A server notifier got as far as `step`.
struct server_progress {
  enum class step : std::uint8_t {
    ready,    ///< the server would take an update now
    cleared,  ///< the engine is paused, and no earlier update is left
    answered, ///< the server says that its update succeeded
    closed,   ///< version confirmed and inference brought back
    proved,   ///< asked what it holds
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

// These types are sent between hosts, field by field.

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cause& x) {
  return f(caf::meta::type_name("cause"), x.code, x.what, x.engine, x.detail);
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
  return f(caf::meta::type_name("engine_share"), x.engine, x.endpoint, x.listed, x.finished, x.answered,
           x.closed, x.account, x.bytes, x.seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stage_report& x) {
  return f(caf::meta::type_name("stage_report"), x.stage, x.bytes, x.busy_seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, startup_report& x) {
  return f(caf::meta::type_name("startup_report"), x.devices_seconds, x.memory_seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, host_verdict& x) {
  return f(caf::meta::type_name("host_verdict"), x.host, x.name, x.first_cause, x.engines, x.stages,
           x.startup, x.seconds, x.connect_seconds, x.ready_seconds, x.from_page_cache_bytes,
           x.in_place_bytes, x.reader_engine, x.parts_left);
}

} // namespace ckpt::actors

CAF_BEGIN_TYPE_ID_BLOCK(ckpt_actors, first_custom_type_id)
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::chunk_ready))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::slab_free))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::bucket_staged))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::bucket_ready))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::buckets_acknowledged))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::part_failed))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::neighbour_suspected))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::host_failed))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::give_up))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::interrupted))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::session_progress))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::server_progress))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::abort_update))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::host_verdict))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::update_verdict))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::milestone_reached))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::proceed))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::engine_settled))
CAF_ADD_TYPE_ID(ckpt_actors, (ckpt::actors::no_more_workers))
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, start_atom, "start")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, check_atom, "check")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, checked_atom, "checked")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, open_atom, "open")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, clear_atom, "clear")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, post_atom, "post")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, came_atom, "came")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, told_atom, "told")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, settled_atom, "settled")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, finish_atom, "finish")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, close_atom, "close")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, prove_atom, "prove")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, run_atom, "run")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, give_up_atom, "give_up")
CAF_ADD_ATOM(ckpt_actors, ckpt::actors, tick_atom, "tick")
CAF_END_TYPE_ID_BLOCK(ckpt_actors)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::chunk_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::slab_free)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::bucket_staged)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::bucket_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::buckets_acknowledged)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::part_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::neighbour_suspected)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::interrupted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::session_progress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::server_progress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::abort_update)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::update_verdict)

namespace ckpt::actors {

using caf::reacts_to;
using caf::replies_to;

/// Reads this host's share of the buckets, in sequence.
using disk_reader_actor = caf::typed_actor<
    // Begin.
    reacts_to<start_atom>,
    // A stager has copied a chunk. Its slab is the credit to read another one.
    reacts_to<slab_free>,
    // All workers have taken all buckets: check that no file has changed since it was opened.
    reacts_to<check_atom>,
    // To itself, while reads are under way.
    reacts_to<tick_atom>>;

/// Copies chunks to one device.
using stager_actor = caf::typed_actor<
    // Begin. Buckets without bytes are staged at once.
    reacts_to<start_atom>,
    // The disk reader has a chunk for this device.
    reacts_to<chunk_ready>,
    // Slots have become free.
    reacts_to<buckets_acknowledged>,
    // To itself, while copies are under way.
    reacts_to<tick_atom>>;

/// Broadcasts staged buckets to all devices, in the order of the plan.
using broadcaster_actor = caf::typed_actor<
    // Begin. Buckets that other hosts read are issued without a message.
    reacts_to<start_atom>,
    // A stager of this host has a bucket complete.
    reacts_to<bucket_staged>,
    // Slots have become free.
    reacts_to<buckets_acknowledged>,
    // To itself, while broadcasts are under way.
    reacts_to<tick_atom>>;

/// Speaks with one worker of an engine.
using worker_session_actor = caf::typed_actor<
    // The server is about to be asked to start its workers: expect one, and offer it the ring.
    reacts_to<open_atom>,
    // A bucket may be listed to the worker.
    reacts_to<bucket_ready>,
    // All workers have all buckets: let go of the ring and run the post hook.
    reacts_to<finish_atom>,
    // The update has failed: tell the worker, even one that comes late, and close.
    reacts_to<abort_update>,
    // The server will start no more workers: do not wait for one that has not come.
    reacts_to<settled_atom>,
    // To itself; only the tick with the latest number counts.
    reacts_to<tick_atom, std::uint64_t>>;

/// Speaks with one engine's server.
using server_notifier_actor = caf::typed_actor<
    // Ask until the server is ready.
    reacts_to<start_atom>,
    // All engines are ready: end what a killed node has left behind, and pause.
    reacts_to<clear_atom>,
    // Ask it to start its workers; it answers when they are done.
    reacts_to<post_atom>,
    // All workers of this host have come.
    reacts_to<came_atom>,
    // All workers are done: the answer is due.
    reacts_to<finish_atom>,
    // All engines have answered: end the pause, confirm the version.
    reacts_to<close_atom>,
    // It generates again: ask for its checksums.
    reacts_to<prove_atom>,
    // The update has failed: stay until the server has answered, then end the pause.
    reacts_to<abort_update>,
    // All workers of this host know of the failure: wait only briefly for the server's answer.
    reacts_to<told_atom>,
    // To itself.
    reacts_to<tick_atom>>;

/// Runs one update on this host.
using conductor_actor = caf::typed_actor<
    // Run the update. Answers once, when it is over and nothing of it is left.
    replies_to<run_atom>::with<host_verdict>,
    // From the parts.
    reacts_to<part_failed>, reacts_to<neighbour_suspected>,
    // From the node: the update has failed; all hosts have passed a milestone; the workers of this engine
    // that have not come will not come.
    reacts_to<give_up>, reacts_to<proceed>, reacts_to<no_more_workers>,
    // From the sessions and the notifiers.
    reacts_to<session_progress>, reacts_to<server_progress>,
    // From the disk reader: the files are as they were when they were opened.
    reacts_to<checked_atom>,
    // To itself: the time limit of a phase (a conductor_state::phase) has passed.
    reacts_to<give_up_atom, std::uint8_t>>;

} // namespace ckpt::actors
