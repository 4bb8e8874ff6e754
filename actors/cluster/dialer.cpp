// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/dialer.hpp"

#include "actors/update/deadlines.hpp"
#include "actors/update/meter.hpp"

#include <optional>
#include <set>

#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;

/// How long CAF may take to introduce itself over a connection that stands.
constexpr auto handshake_time_max = 5s;

/// Every wait of a call has its own deadline; this one is for what goes wrong beyond that.
constexpr auto call_time_max = 60s;

/// Pause between attempts.
constexpr auto call_again_wait = 200ms;

/// After so many refusals in a row the other side is not going to change its mind.
constexpr int refusals_max = 5;

/// Begins a call and waits for its end. Nothing when this actor is told to end first.
[[nodiscard]] std::optional<call_result> call(caf::blocking_actor* self, caller& over,
                                              const std::string& address, std::uint16_t port) {
  over.call(address, port, [mailbox = caf::actor_cast<caf::actor>(self)](call_result ended) {
    caf::anon_send(mailbox, std::move(ended));
  });
  std::optional<call_result> result;
  self->receive([&](call_result& ended) { result = std::move(ended); }, [](const caf::exit_msg&) {},
                caf::after(call_time_max) >> [&] { result.emplace().why = "it does not answer"; });
  return result;
}

} // namespace

std::optional<reached_actor> reach(caf::blocking_actor* self, const outside_line& line,
                                   const std::string& address, std::uint16_t port) {
  auto called = call(self, *line.over, address, port);
  if (!called)
    return std::nullopt;
  reached_actor result{nullptr, called->is_answered, std::move(called->why)};
  if (!called->line)
    return result;
  result.is_answered = true;
  self->request(line.broker, handshake_time_max, caf::connect_atom_v,
                self->system().middleman().backend().new_scribe(called->line->release()), port)
      .receive([&](const caf::node_id&, caf::strong_actor_ptr& actor,
                   const std::set<std::string>&) { result.actor = std::move(actor); },
               [&](const caf::error& why) { result.why = self->system().render(why); });
  if (result.actor == nullptr && result.why.empty())
    result.why = "nothing is offered there";
  return result;
}

void dialer(caf::blocking_actor* self, caf::actor asker, outside_line line, dial_options options) {
  const auto deadline = meter::clock::now() + options.timeout;
  const auto where = "host 0 at " + options.address + ":" + std::to_string(options.port);
  std::string last_why;
  int refusals = 0;
  dialed result;
  while (result.failed.code == ec::none) {
    auto reached = reach(self, line, options.address, options.port);
    if (!reached)
      return;
    result.coordinator = std::move(reached->actor);
    if (result.coordinator != nullptr)
      break;
    if (reached->why != last_why)
      spdlog::info("waiting for {}: {}", where, reached->why);
    last_why = reached->why;
    refusals = reached->is_answered ? refusals + 1 : 0;
    bool is_ended = false;
    if (refusals == refusals_max)
      result.failed = {ec::host_lost, where + " answers, but does not let this host in: " + last_why};
    else if (meter::clock::now() > deadline)
      result.failed = {ec::host_lost,
                       where + " never came within " + describe_seconds(options.timeout) + ": " + last_why};
    else
      self->receive([&](const caf::exit_msg&) { is_ended = true; }, caf::after(call_again_wait) >> [] {});
    if (is_ended)
      return;
  }
  caf::anon_send(asker, std::move(result));
}

} // namespace ckpt::actors
