// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The messages between hosts, and the two actors that exchange them. There is one coordinator, on host 0, and
// one node on every host, host 0 among them:
//
//   node                                   coordinator
//     │ hello ────────────────────────────────> │   do we speak the same protocol?
//     │ join_request ─────────────────────────> │   who, which devices, which plan
//     │ <────────────────────────────── compare │   only where plans differ: what is different?
//     │ <──────────────────────── start_update  │   once all hosts are here and agree
//     │ milestone_reached ────────────────────> │   once for each of the six milestones
//     │ <────────────────────────────── proceed │   when all hosts have reached it
//     │ host_failed ──────────────────────────> │   the first one ends the update everywhere
//     │ <────────────────────────────── give_up │
//     │ neighbour_suspected ──────────────────> │   ends it too, unless that host says in time what failed
//     │ engine_settled ───────────────────────> │   in a failed update, for engines on several hosts:
//     │ <────────────────────── no_more_workers │   none of its workers will come any more
//     │ host_verdict ─────────────────────────> │
//     │ <────────────────────────── update_over │   the outcome of the whole
//     │ goodbye ──────────────────────────────> │
//   alive, both ways, all the time: the heartbeat; a host that is silent for too long is lost
//
// The number of messages does not depend on the number of buckets, and no tensor byte is in any of them.

#include "actors/cluster/caller.hpp"
#include "actors/update/interfaces.hpp"
#include "io/plan/plan_digest.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_control_block.hpp>

namespace ckpt::actors {

/// Changes whenever a message between hosts does.
inline constexpr std::uint32_t protocol_version = 14;

/// A host introduces itself.
struct join_request {
  std::uint32_t host = 0;
  std::uint32_t hosts = 1; ///< how many hosts it expects
  std::string name;        ///< its host name, for messages
  std::vector<std::pair<std::string, std::string>>
      settings;                       ///< flags and values that all hosts must agree on
  std::uint64_t plan_digest = 0;      ///< io::digest of its own view
  std::vector<std::string> endpoints; ///< of the servers of the engines that it leads
  std::vector<std::uint32_t> spared;  ///< which of these have no part in the update; numbers in the cluster
  std::vector<std::string> device_uuids;
  std::uint64_t ring_bytes = 0; ///< size of the ring on each of its devices
  std::string data_address;     ///< gpu::collective::address()
  std::string connection;       ///< gpu::collective::connection()
  cause failed_before;          ///< why it cannot take part, if something failed before it joined
};

/// All hosts are here and agree.
struct start_update {
  std::string previous_data_address;         ///< of the host before this one; the last comes before host 0
  std::string next_data_address;             ///< of the host after this one
  std::string first_data_address;            ///< of host 0
  bool stays_connected = false;              ///< the links of an earlier update are used again
  std::string secret;                        ///< known only to the hosts of this update
  std::string peer_secret;                   ///< for hosts that join later: goes into the metas file
  std::vector<std::string> engine_uuids;     ///< of all devices of all engines that this host leads, by rank
  std::vector<std::string> engine_endpoints; ///< of the engines that have workers on this host
  std::vector<std::uint32_t> spared;         ///< all engines that have no part in the update
  bool is_recorded = false;                  ///< verdicts are to have tracks, for a trace
};

/// The files of a checkpoint, as a host sees them.
struct file_table {
  std::vector<io::file_identity> files;
};

/// The update is over on every host.
struct update_over {
  cause first_cause;
  std::vector<host_verdict> hosts; ///< host 0 gets those of all hosts, another host its own
};

/// A host that should have joined will not come. Sent on host 0 only, by the roster.
struct host_absent {
  std::uint32_t host = 0;
  cause why;
};

/// The dialer's result: the coordinator, or the roster of a resident node, or why it was not reached.
struct dialed {
  caf::strong_actor_ptr coordinator;
  cause failed;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, join_request& x) {
  return f(caf::meta::type_name("join_request"), x.host, x.hosts, x.name, x.settings, x.plan_digest,
           x.endpoints, x.spared, x.device_uuids, x.ring_bytes, x.data_address, x.connection,
           x.failed_before);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, start_update& x) {
  return f(caf::meta::type_name("start_update"), x.previous_data_address, x.next_data_address,
           x.first_data_address, x.stays_connected, x.secret, x.peer_secret, x.engine_uuids,
           x.engine_endpoints, x.spared, x.is_recorded);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, file_table& x) {
  return f(caf::meta::type_name("file_table"), x.files);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, update_over& x) {
  return f(caf::meta::type_name("update_over"), x.first_cause, x.hosts);
}

} // namespace ckpt::actors

namespace ckpt::io {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, file_identity& x) {
  return f(caf::meta::type_name("file_identity"), x.name, x.bytes, x.header_digest, x.content_digest);
}

} // namespace ckpt::io

CAF_BEGIN_TYPE_ID_BLOCK(ckpt_cluster, first_custom_type_id + 100)
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::join_request))
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::start_update))
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::file_table))
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::update_over))
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::dialed))
CAF_ADD_ATOM(ckpt_cluster, ckpt::actors, hello_atom, "hello")
CAF_ADD_ATOM(ckpt_cluster, ckpt::actors, alive_atom, "alive")
CAF_ADD_ATOM(ckpt_cluster, ckpt::actors, compare_atom, "compare")
CAF_ADD_ATOM(ckpt_cluster, ckpt::actors, goodbye_atom, "goodbye")
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::call_result))
CAF_ADD_TYPE_ID(ckpt_cluster, (ckpt::actors::host_absent))
CAF_END_TYPE_ID_BLOCK(ckpt_cluster)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::dialed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::call_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::host_absent)

namespace ckpt::actors {

/// Represents its host in an update. Runs the conductor once all hosts are there.
using node_actor = caf::typed_actor<
    // Take part. Answers once, when the update is over everywhere or its outcome cannot be learned.
    replies_to<run_atom>::with<update_verdict>,
    // The dialer has reached the coordinator, or given up.
    reacts_to<dialed>,
    // From the coordinator.
    reacts_to<start_update>, reacts_to<proceed>, reacts_to<no_more_workers>, reacts_to<give_up>,
    reacts_to<update_over>, reacts_to<alive_atom>,
    // The plan of some host differs from host 0's: what are your files?
    replies_to<compare_atom>::with<file_table>,
    // From the conductor, for the coordinator.
    reacts_to<milestone_reached>, reacts_to<engine_settled>, reacts_to<host_failed>,
    reacts_to<neighbour_suspected>,
    // The user has interrupted the update.
    reacts_to<interrupted>,
    // To itself.
    reacts_to<tick_atom>>;

/// Rendezvous of the hosts: lets them pass milestones together, and ends the update everywhere when one
/// fails.
using coordinator_actor = caf::typed_actor<
    // Answers with its own protocol version and program version.
    replies_to<hello_atom, std::uint32_t, std::uint32_t, std::string>::with<std::uint32_t, std::string>,
    // From the nodes; the sender identifies the host.
    reacts_to<join_request>, reacts_to<milestone_reached>, reacts_to<engine_settled>, reacts_to<host_failed>,
    reacts_to<neighbour_suspected>, reacts_to<host_verdict>, reacts_to<alive_atom>, reacts_to<goodbye_atom>,
    // From the roster of a resident node.
    reacts_to<host_absent>,
    // To itself.
    reacts_to<tick_atom>>;

} // namespace ckpt::actors
