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

#include "actors/update/messages.hpp"

#include <cstdint>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

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
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::interrupted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::session_progress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::server_progress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::abort_update)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::update_verdict)

namespace ckpt::actors {

using caf::reacts_to;
using caf::replies_to;

/// Brings this host's share of the buckets, in sequence: see chunk_source.hpp.
using chunk_source_actor = caf::typed_actor<
    // Begin.
    reacts_to<start_atom>,
    // A stager has copied a chunk. Its slab is the credit to read another one.
    reacts_to<slab_free>,
    // All workers of this host have taken all buckets: check that no file has changed since it was opened.
    reacts_to<check_atom>,
    // To itself, while reads are under way.
    reacts_to<tick_atom>>;

/// Copies chunks to one device.
using stager_actor = caf::typed_actor<
    // Begin. Buckets without bytes are staged at once.
    reacts_to<start_atom>,
    // The chunk source has a chunk for this device.
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
    // All workers of the engine on this host have come.
    reacts_to<came_atom>,
    // All workers of the engine are done: the answer is due.
    reacts_to<finish_atom>,
    // All engines have answered: end the pause, confirm the version.
    reacts_to<close_atom>,
    // It generates again: ask for its checksums.
    reacts_to<prove_atom>,
    // The update has failed: stay until the server has answered, then end the pause.
    reacts_to<abort_update>,
    // All workers of the engine on this host know of the failure: wait only briefly for the server's answer.
    reacts_to<told_atom>,
    // To itself.
    reacts_to<tick_atom>>;

/// Runs one update on this host.
using conductor_actor = caf::typed_actor<
    // Run the update. Answers once, when it is over and its parts have ended, or did not end in time.
    replies_to<run_atom>::with<host_verdict>,
    // From the parts.
    reacts_to<part_failed>, reacts_to<neighbour_suspected>,
    // From the node: the update has failed; all hosts have passed a milestone; the workers of this engine
    // that have not come will not come.
    reacts_to<give_up>, reacts_to<proceed>, reacts_to<no_more_workers>,
    // From the sessions and the notifiers.
    reacts_to<session_progress>, reacts_to<server_progress>,
    // From the chunk source: the answer to check_atom. No file has changed.
    reacts_to<checked_atom>,
    // To itself: look at the time limit of this phase (a conductor_state::phase), which may have passed.
    reacts_to<give_up_atom, std::uint8_t>>;

} // namespace ckpt::actors
