// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/simulation/simulated_cluster.hpp"

#include <atomic>

#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::apps {
namespace {

using namespace actors;

struct conductor_stand_in_state {
  static inline const char* name = "conductor_stand_in";
  host_verdict verdict;
  caf::typed_response_promise<host_verdict> promise;
};

using self_pointer = conductor_actor::stateful_pointer<conductor_stand_in_state>;

void end(self_pointer self, const cause& why) {
  self->state.verdict.first_cause = why;
  self->state.promise.deliver(self->state.verdict);
  self->quit();
}

/// Shares of the engines on `host`, as if all had been updated.
[[nodiscard]] std::vector<engine_share> shares_of(const cluster_layout& layout) {
  std::vector<engine_share> shares;
  const auto engines = layout.engines_on_host(layout.host);
  for (auto engine = engines.begin; engine < engines.end; ++engine) {
    engine_share share;
    share.engine = engine;
    share.listed = share.finished = share.answered = share.closed = true;
    if (layout.leader_of_engine(engine) == layout.host)
      share.endpoint = "http://engine-" + std::to_string(engine);
    shares.push_back(std::move(share));
  }
  return shares;
}

conductor_actor::behavior_type conductor_stand_in(self_pointer self, cluster_layout layout, node_actor node,
                                                  cause failure) {
  return {
      [=](run_atom) -> caf::result<host_verdict> {
        auto& state = self->state;
        state.promise = self->make_response_promise<host_verdict>();
        state.verdict.host = layout.host;
        if (failure.code != ec::none) {
          self->send(node, host_failed{failure});
          end(self, failure);
        } else {
          state.verdict.engines = shares_of(layout);
          self->send(node, milestone_reached{milestone::ready});
        }
        return state.promise;
      },
      [self](const part_failed& failed) { end(self, failed.why); },
      [self](const neighbour_suspected& suspected) { end(self, suspected.why); },
      [self](const give_up& message) { end(self, message.why); },
      [=](const proceed& message) {
        if (message.past == milestone::answered)
          end(self, {});
        else
          self->send(node, milestone_reached{static_cast<milestone>(static_cast<int>(message.past) + 1)});
      },
      [](const no_more_workers&) {},
      [](const session_progress&) {},
      [](const server_progress&) {},
      [](checked_atom) {},
      [](give_up_atom, std::uint8_t) {},
  };
}

[[nodiscard]] join_request introduce(const cluster_layout& layout) {
  join_request introduction;
  introduction.host = layout.host;
  introduction.hosts = layout.hosts;
  introduction.name = "node" + std::to_string(layout.host);
  const auto led = layout.engines_led_by(layout.host);
  for (auto engine = led.begin; engine < led.end; ++engine)
    introduction.endpoints.push_back("http://engine-" + std::to_string(engine));
  introduction.data_address = "address of " + introduction.name;
  for (std::uint32_t device = 0; device < layout.devices_per_host; ++device)
    introduction.device_uuids.push_back("GPU-"
                                        + std::to_string(layout.ranks_of_host(layout.host).begin + device));
  return introduction;
}

} // namespace

simulated_cluster::config::config() {
  add_message_types<caf::id_block::ckpt_actors>();
  add_message_types<caf::id_block::ckpt_cluster>();
  set("scheduler.max-threads", std::size_t{2});
}

simulated_cluster::simulated_cluster() : system_{config_} {}

simulated_outcome simulated_cluster::run(const simulated_cluster_options& options) {
  auto layout = options.layout;
  layout.host = 0;
  const auto center =
      system_.spawn(coordinator, coordinator_options{layout, options.timeout, options.host_timeout,
                                                     std::chrono::seconds{1}});
  std::atomic<std::int64_t> last_start_ns = 0;
  const auto started = meter::clock::now();
  std::vector<node_actor> nodes;
  for (std::uint32_t host = 0; host < layout.hosts; ++host) {
    node_options described;
    described.layout = layout;
    described.layout.host = host;
    described.host_timeout = options.host_timeout;
    described.coordinator.here = center;
    described.introduction = introduce(described.layout);
    described.begin = [&, where = described.layout](const start_update&, const node_actor& self) {
      last_start_ns = std::chrono::nanoseconds{meter::clock::now() - started}.count();
      return system_.spawn(conductor_stand_in, where, self, options.fail(where.host));
    };
    if (options.prepare(described))
      nodes.push_back(system_.spawn(node, std::move(described)));
  }
  caf::scoped_actor self{system_};
  simulated_outcome outcome;
  for (const auto& one : nodes)
    self->send(one, run_atom_v);
  outcome.verdicts.resize(nodes.size());
  for (std::size_t answers = 0; answers < nodes.size(); ++answers)
    self->receive([&](update_verdict& verdict) {
      const auto sender = self->current_sender();
      for (std::size_t index = 0; index < nodes.size(); ++index)
        if (nodes[index].address() == sender->address())
          outcome.verdicts[index] = std::move(verdict);
    });
  self->wait_for(center);
  outcome.start_seconds = static_cast<double>(last_start_ns.load()) / 1e9;
  return outcome;
}

} // namespace ckpt::apps
