// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/actor_runtime.hpp"

#include "actors/cluster/membership_interfaces.hpp"
#include "actors/peers/peer_interfaces.hpp"
#include "apps/node/control_network.hpp"

#include <cstddef>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>

namespace ckpt::apps {
namespace {

struct system_config : caf::actor_system_config {
  explicit system_config(const node_options& options) {
    add_message_types<caf::id_block::ckpt_actors>();
    add_message_types<caf::id_block::ckpt_cluster>();
    add_message_types<caf::id_block::ckpt_membership>();
    add_message_types<caf::id_block::ckpt_peers>();
    // Scheduled are node, conductor and coordinator, and a source for each version that is offered, which ticks while
    // somebody takes it; the data path has its own threads.
    set("scheduler.max-threads", std::size_t{4});
    if (options.layout.hosts > 1 || options.peers.is_used())
      load<caf::io::middleman>();
  }
};

} // namespace

struct actor_runtime::parts {
  explicit parts(const node_options& options) : config{options}, network{options}, system{config} {}
  parts(const parts&) = delete;
  parts& operator=(const parts&) = delete;
  ~parts() { network.close(); } // Before the system ends, which would wait for whoever is silent.

  system_config config;
  control_network network; ///< outlives the system: what is said last still has to go out
  caf::actor_system system;
};

actor_runtime::actor_runtime(const node_options& options) : parts_{std::make_unique<parts>(options)} {}
actor_runtime::~actor_runtime() noexcept = default;

caf::actor_system& actor_runtime::system() noexcept { return parts_->system; }
control_network& actor_runtime::network() noexcept { return parts_->network; }

} // namespace ckpt::apps
