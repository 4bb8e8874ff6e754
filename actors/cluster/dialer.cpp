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

/// Somebody who answers so many times in a row that it is not for us is not going to change its mind.
constexpr int refusals_max = 5;

/// Begins a call and waits for its end. Nothing when this actor is told to end first.
[[nodiscard]] std::optional<call_result> call(caf::blocking_actor* self, caller& over,
                                              const dial_options& options) {
  over.call(options.address, options.port, [mailbox = caf::actor_cast<caf::actor>(self)](call_result ended) {
    caf::anon_send(mailbox, std::move(ended));
  });
  std::optional<call_result> result;
  self->receive([&](call_result& ended) { result = std::move(ended); }, [](const caf::exit_msg&) {},
                caf::after(call_time_max) >> [&] { result.emplace().why = "it does not answer"; });
  return result;
}

/// Gives the connection to CAF, and gets the coordinator or says why not.
[[nodiscard]] std::string introduce(caf::blocking_actor* self, const outside_line& line, call_result& called,
                                    const dial_options& options, dialed& result) {
  std::string error;
  self->request(line.broker, handshake_time_max, caf::connect_atom_v,
                self->system().middleman().backend().new_scribe(called.line->release()), options.port)
      .receive([&](const caf::node_id&, caf::strong_actor_ptr& coordinator,
                   const std::set<std::string>&) { result.coordinator = std::move(coordinator); },
               [&](const caf::error& why) { error = self->system().render(why); });
  if (error.empty() && result.coordinator == nullptr)
    error = "nothing is offered there";
  return error;
}

} // namespace

void dialer(caf::blocking_actor* self, node_actor node, outside_line line, dial_options options) {
  const auto deadline = meter::clock::now() + options.timeout;
  const auto where = "host 0 at " + options.address + ":" + std::to_string(options.port);
  std::string last_why;
  int refusals = 0;
  dialed result;
  while (result.failed.code == ec::none) {
    auto called = call(self, *line.over, options);
    if (!called)
      return;
    if (called->line) {
      called->why = introduce(self, line, *called, options, result);
      called->is_answered = true;
      if (result.coordinator != nullptr)
        break;
    }
    if (called->why != last_why)
      spdlog::info("waiting for {}: {}", where, called->why);
    last_why = called->why;
    refusals = called->is_answered ? refusals + 1 : 0;
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
  caf::anon_send(node, std::move(result));
}

} // namespace ckpt::actors
