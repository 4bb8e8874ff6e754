// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The messages between the hosts of a resident node, and the two actors that exchange them. Both outlive the updates:
// there is one roster, on host 0, and one member on every other host:
//
//   member                                    roster
//     │ hello ────────────────────────────────> │   do we speak the same protocol?
//     │ enrolment ────────────────────────────> │   who, with which settings and engines
//     │ <──────────────────────────── enrolled  │   or why not
//     │ <─────────────────────── prepare_order  │   read your share of this version
//     │ order_done ───────────────────────────> │
//     │ <────────────────────────── push_order  │   take part in a run: here is its coordinator
//     │ order_done ───────────────────────────> │
//     │ <──────────────── stop_order, drop_order│
//     │ forwarded_call ───────────────────────> │   a request that came to this host
//     │ <──────────────────── forwarded_answer  │
//   alive, both ways, all the time: the heartbeat; a host that is silent for too long is gone until it enrols again
//
// A run itself is between its nodes and its coordinator: see cluster_interfaces.hpp.

#include "actors/cluster/cluster_interfaces.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ckpt::actors {

/// A host asks to be one of the cluster.
struct enrolment {
  join_request who; ///< without a plan
};

struct enrolled {
  cause failed;           ///< why not, if so
  bool may_retry = false; ///< the host that has its number may soon be found lost
};

/// Have this host's share of a version: read it, unless it is there.
struct prepare_order {
  std::uint64_t number = 0;
  std::string version;
  std::uint64_t edition = 0; ///< tells it from other content of the same name
  std::string checkpoint_path;
  std::vector<std::uint32_t> hosts; ///< that take part, sorted; its chunks are divided among them
  std::vector<std::string>
      needed;          ///< other versions that host 0 may ask for: prepared, served, served before
  bool has_it = false; ///< host 0 takes it to be there: what is at the path by now is not to be read
};

/// Take part in the run that brings a version into the engines.
struct push_order {
  std::uint64_t number = 0;
  std::string version;
  std::uint64_t edition = 0;
  std::string pause;          ///< io::name() of a pause mode
  bool spares_silent = false; ///< leaves out engines whose servers do not answer
  bool is_offered = false;    ///< all engines serve it afterwards: hosts that join are to get it
  std::vector<std::uint32_t> hosts;
  std::vector<std::pair<std::uint32_t, std::uint32_t>>
      engines; ///< leading host, and number there; empty: all
  coordinator_actor coordinator;
};

/// Stop preparing: the version is not wanted any more.
struct stop_order {
  std::uint64_t number = 0;
};

/// Forget a version.
struct drop_order {
  std::string version;
};

struct order_done {
  std::uint64_t number = 0;
  cause failed;
};

/// An HTTP request that one of the hosts was sent. Host 0 answers it.
struct forwarded_call {
  std::uint64_t number = 0;
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  std::string body;
};

struct forwarded_answer {
  std::uint64_t number = 0;
  std::uint32_t status = 0;
  std::string body;
  std::string content_type;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, enrolment& x) {
  return f(caf::meta::type_name("enrolment"), x.who);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, enrolled& x) {
  return f(caf::meta::type_name("enrolled"), x.failed, x.may_retry);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, prepare_order& x) {
  return f(caf::meta::type_name("prepare_order"), x.number, x.version, x.edition, x.checkpoint_path, x.hosts,
           x.needed, x.has_it);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, push_order& x) {
  return f(caf::meta::type_name("push_order"), x.number, x.version, x.edition, x.pause, x.spares_silent,
           x.is_offered, x.hosts, x.engines, x.coordinator);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stop_order& x) {
  return f(caf::meta::type_name("stop_order"), x.number);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, drop_order& x) {
  return f(caf::meta::type_name("drop_order"), x.version);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_done& x) {
  return f(caf::meta::type_name("order_done"), x.number, x.failed);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, forwarded_call& x) {
  return f(caf::meta::type_name("forwarded_call"), x.number, x.method, x.path, x.query, x.body);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, forwarded_answer& x) {
  return f(caf::meta::type_name("forwarded_answer"), x.number, x.status, x.body, x.content_type);
}

/// How the hosts that were given an order ended it.
struct order_outcome {
  std::uint64_t number = 0;
  cause failed;                    ///< of the first that failed, if any did
  std::vector<std::uint32_t> lost; ///< hosts that left before they were done
};

} // namespace ckpt::actors

CAF_BEGIN_TYPE_ID_BLOCK(ckpt_membership, first_custom_type_id + 300)
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::enrolment))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::enrolled))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::prepare_order))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::push_order))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::stop_order))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::drop_order))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::order_done))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::forwarded_call))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::forwarded_answer))
CAF_ADD_TYPE_ID(ckpt_membership, (ckpt::actors::order_outcome))
CAF_ADD_ATOM(ckpt_membership, ckpt::actors, estranged_atom, "estranged")
CAF_ADD_ATOM(ckpt_membership, ckpt::actors, abandon_atom, "abandon")
CAF_END_TYPE_ID_BLOCK(ckpt_membership)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::order_outcome)

namespace ckpt::actors {

/// Host 0's list of the hosts, through which it gives them orders.
using roster_actor = caf::typed_actor<
    // Answers with its own protocol version and program version.
    replies_to<hello_atom, std::uint32_t, std::uint32_t, std::string>::with<std::uint32_t, std::string>,
    // From the members; the sender identifies the host.
    replies_to<enrolment>::with<enrolled>, reacts_to<order_done>, reacts_to<forwarded_call>,
    reacts_to<alive_atom>,
    // From this process. Answers once all hosts of the order but host 0 are done, or gone.
    replies_to<prepare_order>::with<order_outcome>, replies_to<push_order>::with<order_outcome>,
    reacts_to<stop_order>, reacts_to<drop_order>,
    // From this process: hosts that have not done this order by now count as lost.
    reacts_to<abandon_atom, std::uint64_t>,
    // To itself.
    reacts_to<tick_atom>>;

/// The roster's counterpart on every other host.
using member_actor = caf::typed_actor<
    // The dialer has reached the roster, or given up.
    reacts_to<dialed>,
    // From the roster.
    reacts_to<prepare_order>, reacts_to<push_order>, reacts_to<stop_order>, reacts_to<drop_order>,
    reacts_to<forwarded_answer>, reacts_to<alive_atom>,
    // From the roster: this host was taken for gone, and has to enrol again.
    reacts_to<estranged_atom>,
    // From this process, for the roster.
    reacts_to<order_done>, reacts_to<forwarded_call>,
    // To itself.
    reacts_to<tick_atom>>;

} // namespace ckpt::actors
