// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/take_part.hpp"

#include "actors/cluster/coordinator.hpp"
#include "actors/cluster/node.hpp"
#include "actors/update/conductor.hpp"
#include "actors/update/recording.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/control_network.hpp"
#include "apps/node/peers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

using actors::cause;
using actors::ec;
using actors::update_verdict;

/// The settings that must be the same on all hosts.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> settings_of(const node_options& options) {
  const auto number = [](std::uint64_t value) { return value == 0 ? std::string{} : std::to_string(value); };
  std::string kept_together;
  for (const auto& pattern : options.keep_together)
    kept_together += (kept_together.empty() ? "" : " ") + pattern;
  return {{"--inference-parallel-size", number(options.layout.devices_per_engine)},
          {"--engine", std::string{io::name(options.update.engine)}},
          {"--pause", std::string{io::name(options.update.pause)}},
          {"--device", options.device == device_kind::cuda ? "cuda" : "host"},
          {"--bucket-size", number(options.bucket_bytes)},
          {"--chunk-size", number(options.update.chunk_bytes)},
          {"--keep-together", kept_together},
          {"--save-metas-file", options.peers.save_metas_file ? "a file" : ""},
          {"--prove", options.update.prove == actors::proof_demand::none ? "" : "yes"},
          {"--prove-against", options.update.prove == actors::proof_demand::must ? "a report" : ""},
          {"--weight-version", options.update.weight_version.value_or("")}};
}

[[nodiscard]] actors::join_request introduce(const node_options& options, const actors::update& update,
                                             const cause& failed_before) {
  auto introduction = describe_host(options);
  introduction.failed_before = failed_before;
  introduction.ring_bytes = update.plan.ring_bytes;
  for (const auto engine : options.update.spared)
    introduction.spared.push_back(options.layout.engines_led_by(options.layout.host).begin + engine);
  for (const auto& device : update.devices)
    introduction.device_uuids.push_back(device->uuid());
  if (failed_before.code != ec::none)
    return introduction;
  introduction.plan_digest = io::digest(update.checkpoint, update.plan);
  introduction.data_address = update.collective->address();
  introduction.connection = update.collective->connection();
  return introduction;
}

/// The checksums that every engine must have after the update: those of an earlier report, or of one of this
/// host's engines.
[[nodiscard]] actors::expected_proof expected_proof_of(const actors::update& update) {
  if (update.expected_checksums)
    return {*update.expected_checksums, "the earlier report", false};
  const auto told = std::ranges::find_if(update.checksums, [](const auto& each) { return !each.empty(); });
  if (told == update.checksums.end())
    return {};
  const auto index = static_cast<std::size_t>(told - update.checksums.begin());
  return {*told, "engine " + actors::endpoint_urls(update.options).at(index), true};
}

[[nodiscard]] actors::way_to_coordinator find_coordinator(actor_runtime& runtime, const node_options& options,
                                                          const actors::update_ptr& update) {
  auto& network = runtime.network();
  actors::way_to_coordinator way;
  way.dial.address = options.place.master_addr;
  way.dial.port = options.place.master_port;
  way.dial.timeout = options.update.timeout;
  if (options.layout.host == 0) {
    way.here = spawn_coordinator(runtime, options, update);
    try {
      if (options.layout.hosts > 1)
        network.publish(runtime.system(), caf::actor_cast<caf::strong_actor_ptr>(way.here));
    } catch (const std::exception&) {
      caf::anon_send_exit(way.here, caf::exit_reason::user_shutdown); // Nobody else would end it.
      throw;
    }
  } else {
    way.line = network.outside_line(runtime.system());
  }
  return way;
}

[[nodiscard]] actors::node_options describe_node(caf::actor_system& system, const node_options& options,
                                                 const actors::update_ptr& update, const cause& failed_before,
                                                 share_offer* offer) {
  actors::node_options node;
  node.layout = options.layout;
  node.weight_version = options.update.weight_version;
  node.host_timeout = options.host_timeout;
  node.introduction = introduce(options, *update, failed_before);
  node.files = io::identify_files(update->checkpoint);
  if (offer != nullptr)
    node.offer = offer->described();
  node.begin = [&system, update, offer](const actors::start_update& start, const actors::node_actor& self) {
    update->started =
        actors::track::clock::now(); // Before anything takes time: other hosts hear it now, too.
    if (start.is_recorded)
      actors::begin_recording(*update);
    if (offer != nullptr)
      offer->know(start.peer_secret);
    update->engine_uuids = start.engine_uuids;
    update->engine_endpoints = start.engine_endpoints;
    update->spared = start.spared;
    update->collective->connect({update->layout.host, update->layout.hosts, start.previous_data_address,
                                 start.next_data_address, start.secret, start.first_data_address,
                                 start.stays_connected});
    update->is_running = true;
    return system.spawn(actors::conductor, update, self);
  };
  return node;
}

/// Parts of the update may still run, and what they have done to engines is not known.
[[nodiscard]] update_verdict cut_short(const node_options& options, const cause& why) {
  update_verdict verdict;
  verdict.first_cause = why;
  verdict.parts_left = true;
  for (const auto& endpoint : options.update.endpoints) {
    auto& engine = verdict.engines.emplace_back();
    engine.endpoint = endpoint.url;
    engine.serves = actors::served_weights::unknown;
    engine.why = why.what;
  }
  return verdict;
}

} // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0)
    return "pid " + std::to_string(::getpid());
  return name.data() + std::string{", pid "} + std::to_string(::getpid());
}

actors::join_request describe_host(const node_options& options) {
  actors::join_request introduction;
  introduction.host = options.layout.host;
  introduction.hosts = options.layout.hosts;
  introduction.name = host_name();
  introduction.settings = settings_of(options);
  introduction.endpoints = actors::endpoint_urls(options.update);
  return introduction;
}

actors::coordinator_actor spawn_coordinator(actor_runtime& runtime, const node_options& options,
                                            const actors::update_ptr& update) {
  actors::coordinator_options coordinator{options.layout, options.update.timeout, options.host_timeout,
                                          options.update.stay_time};
  coordinator.records = options.trace || options.service;
  if (options.update.prove != actors::proof_demand::none)
    coordinator.expected = [update] { return expected_proof_of(*update); };
  return runtime.system().spawn(actors::coordinator, std::move(coordinator));
}

update_verdict take_part(actor_runtime& runtime, const node_options& options,
                         const actors::update_ptr& update, const cause& failed_before,
                         const signal_guard& signals, share_offer* offer,
                         const actors::coordinator_actor& known) {
  auto& system = runtime.system();
  update_verdict verdict;
  bool has_begun = false;
  try {
    auto described = describe_node(system, options, update, failed_before, offer);
    described.coordinator.dial.address = options.place.master_addr;
    if (known)
      described.coordinator.here = known;
    else
      described.coordinator = find_coordinator(runtime, options, update);
    const auto coordinator = described.coordinator.here;
    const auto node = system.spawn(actors::node, std::move(described));
    has_begun = true;
    caf::scoped_actor self{system};
    self->monitor(node);
    {
      const attendant beside{
          signals, *update, [&](cause why) { caf::anon_send(node, actors::interrupted{std::move(why)}); },
          [&](cause why) { caf::anon_send(caf::actor{self}, actors::give_up{std::move(why)}); }};
      self->send(node, actors::run_atom_v);
      // No deadline here: every wait inside has one, and the node always answers.
      self->receive([&](update_verdict& answer) { verdict = std::move(answer); },
                    [&](const actors::give_up& at_once) { verdict = cut_short(options, at_once.why); },
                    [&](const caf::down_msg& down) {
                      verdict = cut_short(options, {ec::unspecified, "the node ended unexpectedly: "
                                                                         + to_string(down.reason)});
                    });
    }
    if (coordinator && options.layout.host == 0 && !verdict.parts_left)
      self->wait_for(coordinator); // Until the other hosts know the outcome.
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    const auto why = actors::to_cause(error);
    if (has_begun)
      return cut_short(options, why);
    if (known && options.layout.host == 0)
      caf::anon_send_exit(known, caf::exit_reason::user_shutdown); // Nobody else would end it.
    verdict =
        actors::conclude(why, {actors::untouched(why, options.layout, actors::endpoint_urls(options.update))},
                         options.layout, options.update.weight_version);
  }
  return verdict;
}

} // namespace ckpt::apps
