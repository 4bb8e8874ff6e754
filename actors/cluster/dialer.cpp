// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/dialer.hpp"

#include "actors/update/deadlines.hpp"
#include "actors/update/meter.hpp"
#include "io/host_address.hpp"

#include <optional>
#include <set>

#include <caf/blocking_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;

/// One attempt to reach the port, and one handshake, may take so long.
constexpr auto knock_time_max = std::chrono::milliseconds{2'000};
constexpr auto handshake_time_max = 5s;

/// Pause between attempts.
constexpr auto knock_again_wait = 200ms;

/// A port that answers but breaks off the handshake so many times in a row is not going to change its mind.
constexpr int handshakes_max = 5;

/// One attempt through CAF. Gives the coordinator, or why not.
[[nodiscard]] std::optional<std::string> shake_hands(caf::blocking_actor* self,
                                                     const caf::io::middleman_actor& network,
                                                     const dial_options& options, dialed& result) {
  std::optional<std::string> error;
  self->request(network, handshake_time_max, caf::connect_atom_v, options.address, options.port)
      .receive([&](const caf::node_id&, caf::strong_actor_ptr& coordinator,
                   const std::set<std::string>&) { result.coordinator = std::move(coordinator); },
               [&](const caf::error& why) { error = self->system().render(why); });
  if (!error && result.coordinator == nullptr)
    error = "nothing is offered there";
  return error;
}

} // namespace

void dialer(caf::blocking_actor* self, node_actor node, caf::io::middleman_actor network,
            dial_options options) {
  const auto deadline = meter::clock::now() + options.timeout;
  const auto where = "host 0 at " + options.address + ":" + std::to_string(options.port);
  std::string last_why;
  int handshakes_failed = 0;
  dialed result;
  bool is_ended = false;
  while (!is_ended && result.coordinator == nullptr && result.failed.code == ec::none) {
    const auto refused = io::knock(options.address, options.port, knock_time_max);
    auto why = refused ? refused : shake_hands(self, network, options, result);
    if (!why)
      break;
    if (*why != last_why)
      spdlog::info("waiting for {}: {}", where, *why);
    last_why = *why;
    handshakes_failed = refused ? 0 : handshakes_failed + 1;
    if (handshakes_failed == handshakes_max)
      result.failed = {ec::host_lost,
                       where + " answers, but breaks off the handshake (" + last_why + "): "
                           + (options.is_encrypted
                                  ? "its certificate has another authority than ours, or it runs without TLS"
                                  : "it may want TLS, or is no ckpt-actor-node")};
    else if (meter::clock::now() > deadline)
      result.failed = {ec::host_lost,
                       where + " never came within " + describe_seconds(options.timeout) + ": " + last_why};
    else
      self->receive([&](const caf::exit_msg&) { is_ended = true; }, caf::after(knock_again_wait) >> [] {});
  }
  if (!is_ended)
    caf::anon_send(node, std::move(result));
}

} // namespace ckpt::actors
