// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/node.hpp"

#include "actors/cluster/introductions.hpp"
#include "actors/cluster/senders.hpp"
#include "actors/update/deadlines.hpp"

#include <caf/blocking_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = node_actor::stateful_pointer<node_state>;
using phase = node_state::phase;

/// How long the coordinator may take to say which protocol it speaks.
constexpr auto hello_wait = 10s;

/// The verdict of this host when nothing has begun.
[[nodiscard]] host_verdict nothing_begun(const node_state& state, const cause& why) {
  auto verdict = untouched(why, state.options.layout, state.options.introduction.endpoints);
  verdict.name = state.options.introduction.name;
  return verdict;
}

/// Ends the update here, with what is known of the other hosts.
void deliver(self_pointer self, const cause& first_cause, std::vector<host_verdict> hosts) {
  auto& state = self->state;
  if (state.at == phase::over)
    return;
  state.at = phase::over;
  if (hosts.empty())
    hosts.push_back(state.verdict ? *state.verdict : nothing_begun(state, first_cause));
  state.promise.deliver(
      conclude(first_cause, std::move(hosts), state.options.layout, state.options.weight_version));
  if (state.dialing)
    self->send_exit(state.dialing, caf::exit_reason::user_shutdown);
  if (state.coordinator && !state.coordinator_lost)
    self->send(state.coordinator, goodbye_atom_v);
  self->quit();
}

/// The update has ended here: sends the verdict to the coordinator, and waits for the outcome of all hosts.
void on_ended_here(self_pointer self, host_verdict verdict) {
  auto& state = self->state;
  verdict.name = state.options.introduction.name;
  verdict.offer = state.options.offer;
  state.verdict = std::move(verdict);
  state.at = phase::waiting;
  if (state.coordinator_lost)
    deliver(self, state.given_up, {});
  else
    self->send(state.coordinator, *state.verdict);
}

/// The update has failed, here or elsewhere: ends it on this host.
void end_update(self_pointer self, const cause& why) {
  auto& state = self->state;
  if (state.given_up.code == ec::none)
    state.given_up = why;
  if (state.at == phase::running)
    self->send(state.conductor, give_up{state.given_up});
  else if (state.at == phase::joining)
    on_ended_here(self, nothing_begun(state, state.given_up));
}

void lose_coordinator(self_pointer self, const std::string& why) {
  auto& state = self->state;
  if (state.coordinator_lost || state.at == phase::dialing || state.at == phase::over)
    return;
  state.coordinator_lost = true;
  const cause lost{ec::host_lost,
                   host_label(0, state.options.coordinator.dial.address) + " was lost: " + why};
  if (state.at == phase::waiting) {
    spdlog::error("{}", lost.what);
    deliver(self, state.given_up.code != ec::none ? state.given_up : lost, {});
    return;
  }
  end_update(self, lost);
}

/// Calls `act` when the sender is the coordinator, and notes that it is alive.
template <class Function>
void from_coordinator(self_pointer self, Function act) {
  if (!is_from(self, self->state.coordinator))
    return;
  self->state.heard = meter::clock::now();
  act();
}

/// Passes a message of the coordinator on to the conductor.
template <class Message>
void pass_down(self_pointer self, const Message& message) {
  from_coordinator(self, [&] {
    if (self->state.at == phase::running)
      self->send(self->state.conductor, message);
  });
}

/// Passes a message of the conductor on to the coordinator.
template <class Message>
void pass_up(self_pointer self, const Message& message) {
  const auto& state = self->state;
  if (is_of_this_process(self) && state.at == phase::running && !state.coordinator_lost)
    self->send(state.coordinator, message);
}

void run_conductor(self_pointer self, const start_update& start) {
  auto& state = self->state;
  state.at = phase::running;
  try {
    state.conductor = state.options.begin(start, node_actor{self});
  } catch (const std::exception& error) {
    const auto why = to_cause(error);
    self->send(state.coordinator, host_failed{why});
    on_ended_here(self, nothing_begun(state, why));
    return;
  }
  // No deadline here: every wait inside has one, and the conductor answers, or dies, which its monitor tells.
  self->monitor(state.conductor);
  self->request(state.conductor, caf::infinite, run_atom_v).then([self](host_verdict& verdict) {
    on_ended_here(self, std::move(verdict));
  });
}

/// The conductor has ended. Without an answer, that is a failure.
void on_conductor_down(self_pointer self, const caf::error& reason) {
  auto& state = self->state;
  if (state.at != phase::running)
    return;
  const cause why{ec::unspecified, "the conductor ended unexpectedly: " + self->system().render(reason)};
  pass_up(self, host_failed{why});
  auto verdict = nothing_begun(state, why);
  verdict.parts_left = true; // Nobody ends its parts any more.
  for (auto& share : verdict.engines)
    share.account.has_no_weights = true; // Nobody knows what they did to the engines.
  on_ended_here(self, std::move(verdict));
}

void greet(self_pointer self) {
  auto& state = self->state;
  state.at = phase::joining;
  state.heard = meter::clock::now();
  self->monitor(state.coordinator);
  const auto& introduction = state.options.introduction;
  const auto where = host_label(0, state.options.coordinator.dial.address);
  self->request(state.coordinator, hello_wait, hello_atom_v, state.options.protocol, introduction.host,
                introduction.name)
      .then(
          [self, where](std::uint32_t version, const std::string& program) {
            self->state.heard = meter::clock::now();
            if (version == self->state.options.protocol) {
              self->state.is_introduced = true;
              self->send(self->state.coordinator, self->state.options.introduction);
              self->send(self, tick_atom_v);
              return;
            }
            self->state.coordinator_lost = true; // It would not understand the next messages.
            end_update(self, {ec::host_disagrees, where + " speaks protocol " + std::to_string(version)
                                                      + " (version " + program + "), this host "
                                                      + std::to_string(self->state.options.protocol)
                                                      + ": install the same version on all hosts"});
          },
          [self, where](const caf::error& error) {
            self->state.coordinator_lost = true;
            end_update(self, {ec::host_lost, where + " does not answer as a ckpt-actor-node of this version: "
                                                 + self->system().render(error)});
          });
}

void on_dialed(self_pointer self, const dialed& result) {
  auto& state = self->state;
  if (state.at != phase::dialing)
    return;
  if (result.coordinator == nullptr) {
    spdlog::error("{}", result.failed.what);
    deliver(self, result.failed, {});
    return;
  }
  state.coordinator = caf::actor_cast<coordinator_actor>(result.coordinator);
  greet(self);
}

/// The coordinator then makes all hosts give up. This host does so at once.
void on_interruption(self_pointer self, const cause& why) {
  auto& state = self->state;
  if (state.at == phase::dialing) {
    spdlog::error("{}", why.what);
    deliver(self, why, {});
  } else if (state.at == phase::joining && !state.is_introduced) {
    state.options.introduction.failed_before = why; // The coordinator hears of it in a moment.
  } else if (state.at == phase::joining || state.at == phase::running) {
    if (!state.coordinator_lost)
      self->send(state.coordinator, host_failed{why});
    if (state.at == phase::running)
      self->send(state.conductor, give_up{why});
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::over)
    return;
  if (!state.coordinator_lost) {
    self->send(state.coordinator, alive_atom_v);
    const auto now = meter::clock::now();
    state.looks.look(now, alive_interval);
    state.heard = state.looks.forgiving(state.heard);
    if (state.options.layout.host != 0 && now - state.heard > state.options.host_timeout)
      lose_coordinator(self, "no sign of life for " + describe_seconds(state.options.host_timeout));
  }
  self->delayed_send(self, alive_interval, tick_atom_v);
}

void on_run(self_pointer self) {
  auto& way = self->state.options.coordinator;
  if (way.here) {
    self->state.coordinator = way.here;
    greet(self);
    return;
  }
  self->state.dialing =
      self->spawn<caf::detached>(dialer, caf::actor_cast<caf::actor>(self), way.line, way.dial);
}

} // namespace

node_actor::behavior_type node(self_pointer self, node_options options) {
  self->state.options = std::move(options);
  self->set_down_handler([self](const caf::down_msg& down) {
    if (self->state.conductor && down.source == self->state.conductor.address())
      on_conductor_down(self, down.reason);
    else
      lose_coordinator(self, "its process ended or its connection broke");
  });
  return {
      [self](run_atom) -> caf::result<update_verdict> {
        if (!is_of_this_process(self))
          return caf::sec::invalid_argument;
        self->state.promise = self->make_response_promise<update_verdict>();
        on_run(self);
        return self->state.promise;
      },
      [self](const dialed& result) { on_dialed(self, result); },
      [self](const start_update& start) {
        from_coordinator(self, [&] {
          if (self->state.at == phase::joining)
            run_conductor(self, start);
        });
      },
      [self](const proceed& message) { pass_down(self, message); },
      [self](const no_more_workers& message) { pass_down(self, message); },
      [self](const give_up& message) { from_coordinator(self, [&] { end_update(self, message.why); }); },
      [self](update_over& message) {
        from_coordinator(self, [&] {
          if (self->state.at >= phase::joining)
            deliver(self, message.first_cause, std::move(message.hosts));
        });
      },
      [self](alive_atom) { from_coordinator(self, [] {}); },
      [self](compare_atom) {
        from_coordinator(self, [] {});
        return file_table{self->state.options.files};
      },
      [self](const milestone_reached& message) { pass_up(self, message); },
      [self](const engine_settled& message) { pass_up(self, message); },
      [self](const host_failed& message) { pass_up(self, message); },
      [self](const neighbour_suspected& message) { pass_up(self, message); },
      [self](const interrupted& message) { on_interruption(self, message.why); },
      [self](tick_atom) {
        if (is_of_this_process(self))
          look(self);
      },
  };
}

} // namespace ckpt::actors
