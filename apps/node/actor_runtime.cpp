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
    // These threads run the control plane: node, conductor, coordinator, roster or member, and a source for each
    // offered version, which ticks while a host takes it. The data path has its own threads.
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
  ~parts() { network.close(); } // Before the system ends, which would wait for silent hosts.

  system_config config;
  control_network network; ///< outlives the system: the last messages still have to go out
  caf::actor_system system;
};

actor_runtime::actor_runtime(const node_options& options) : parts_{std::make_unique<parts>(options)} {}
actor_runtime::~actor_runtime() noexcept = default;

caf::actor_system& actor_runtime::system() noexcept { return parts_->system; }
control_network& actor_runtime::network() noexcept { return parts_->network; }

} // namespace ckpt::apps
