// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/member.hpp"

#include "actors/cluster/introductions.hpp"
#include "actors/cluster/senders.hpp"
#include "actors/update/deadlines.hpp"

#include <utility>

#include <caf/blocking_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = member_actor::stateful_pointer<member_state>;
using phase = member_state::phase;

/// How long the roster may take to answer.
constexpr auto answer_wait = 10s;

/// Pause before host 0 is dialed again after a refusal.
constexpr auto redial_wait = 5s;

[[nodiscard]] std::string where(const member_state& state) {
  return host_label(0, state.options.dial.address);
}

void dial(self_pointer self) {
  auto& state = self->state;
  state.at = phase::dialing;
  state.waits_until.reset();
  state.dialing = self->spawn<caf::detached>(dialer, caf::actor_cast<caf::actor>(self), state.options.line,
                                             state.options.dial);
}

/// Once enrolled, a host tries for ever: host 0 may come back.
void on_refusal(self_pointer self, const cause& why) {
  auto& state = self->state;
  spdlog::error("{}", why.what);
  if (state.was_enrolled) {
    state.at = phase::dialing;
    state.waits_until = meter::clock::now() + redial_wait;
    return;
  }
  state.at = phase::over;
  state.options.refused(why);
  self->quit();
}

void lose_roster(self_pointer self, const std::string& why) {
  auto& state = self->state;
  if (state.at != phase::enrolling && state.at != phase::enrolled)
    return;
  spdlog::warn("{} is gone: {}", where(state), why);
  self->demonitor(state.roster.address());
  state.roster = nullptr;
  if (std::exchange(state.at, phase::dialing) == phase::enrolled)
    state.options.connected(false);
  state.waits_until = meter::clock::now() + alive_interval;
}

void on_enrolled(self_pointer self, const enrolled& answer) {
  auto& state = self->state;
  state.heard = meter::clock::now();
  if (answer.failed.code == ec::none) {
    state.at = phase::enrolled;
    state.was_enrolled = true;
    state.claims_since.reset();
    spdlog::info("enrolled with {}", where(state));
    state.options.connected(true);
    return;
  }
  if (!state.claims_since)
    state.claims_since = state.heard;
  // A host that had this number before, and is dead, is taken for lost after `host_timeout` at most.
  if (answer.may_retry && state.heard - *state.claims_since < 3 * state.options.host_timeout) {
    state.waits_until = state.heard + alive_interval;
    return;
  }
  self->demonitor(state.roster.address());
  state.roster = nullptr;
  state.claims_since.reset();
  on_refusal(self, answer.failed);
}

/// Host 0 is about to end, or hangs; or another kind of program is there.
void on_no_answer(self_pointer self, const caf::error& error) {
  auto& state = self->state;
  if (error == caf::sec::request_timeout || error == caf::sec::request_receiver_down) {
    lose_roster(self, "it does not answer");
    return;
  }
  self->demonitor(state.roster.address());
  state.roster = nullptr;
  on_refusal(self, {ec::host_lost, where(state) + " does not answer as a resident node of this version: "
                                       + self->system().render(error)});
}

/// True for an answer of the roster that this host is enrolling with, and not of an earlier one.
[[nodiscard]] bool is_awaited(self_pointer self, const caf::actor_addr& from) {
  return self->state.at == phase::enrolling && self->state.roster && self->state.roster.address() == from;
}

void enrol(self_pointer self) {
  self->request(self->state.roster, answer_wait, enrolment{self->state.options.introduction})
      .then(
          [self, from = self->state.roster.address()](const enrolled& answer) {
            if (is_awaited(self, from))
              on_enrolled(self, answer);
          },
          [self, from = self->state.roster.address()](const caf::error& error) {
            if (is_awaited(self, from))
              on_no_answer(self, error);
          });
}

void on_hello(self_pointer self, std::uint32_t version, const std::string& program) {
  auto& state = self->state;
  if (version == state.options.protocol) {
    enrol(self);
    return;
  }
  self->demonitor(state.roster.address());
  state.roster = nullptr;
  on_refusal(self,
             {ec::host_disagrees, where(state) + " speaks protocol " + std::to_string(version) + " (version "
                                      + program + "), this host " + std::to_string(state.options.protocol)
                                      + ": install the same version on all hosts"});
}

void greet(self_pointer self) {
  auto& state = self->state;
  state.at = phase::enrolling;
  self->monitor(state.roster);
  const auto& who = state.options.introduction;
  self->request(state.roster, answer_wait, hello_atom_v, state.options.protocol, who.host, who.name)
      .then(
          [self, from = state.roster.address()](std::uint32_t version, const std::string& program) {
            if (is_awaited(self, from))
              on_hello(self, version, program);
          },
          [self, from = state.roster.address()](const caf::error& error) {
            if (is_awaited(self, from))
              on_no_answer(self, error);
          });
}

void on_dialed(self_pointer self, const dialed& result) {
  auto& state = self->state;
  if (state.at != phase::dialing)
    return;
  state.dialing = nullptr;
  if (result.coordinator == nullptr) {
    on_refusal(self, result.failed);
    return;
  }
  state.roster = caf::actor_cast<roster_actor>(result.coordinator);
  greet(self);
}

void look(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  state.looks.look(now, alive_interval);
  if (state.at == phase::enrolled) {
    self->send(state.roster, alive_atom_v);
    state.heard = state.looks.forgiving(state.heard);
    if (now - state.heard > state.options.host_timeout)
      lose_roster(self, "no sign of life for " + describe_seconds(state.options.host_timeout));
  }
  if (state.waits_until && now >= *state.waits_until) {
    state.waits_until.reset();
    if (state.at == phase::dialing)
      dial(self);
    else if (state.at == phase::enrolling)
      enrol(self);
  }
  self->delayed_send(self, alive_interval, tick_atom_v);
}

/// Passes a message of this process on to the roster.
template <class Message>
void pass_up(self_pointer self, const Message& message) {
  if (is_of_this_process(self) && self->state.at == phase::enrolled)
    self->send(self->state.roster, message);
}

/// Calls `act` when the sender is the roster that this host is enrolled with, and notes that it is alive.
template <class Function>
void from_roster(self_pointer self, Function act) {
  auto& state = self->state;
  if (state.at != phase::enrolled || !is_from(self, state.roster))
    return;
  state.heard = meter::clock::now();
  act();
}

template <class Order>
void on_order(self_pointer self, const Order& order) {
  from_roster(self, [&] { self->state.options.ordered(order); });
}

} // namespace

member_actor::behavior_type member(self_pointer self, member_options options) {
  self->state.options = std::move(options);
  self->set_down_handler([self](const caf::down_msg& down) {
    if (self->state.roster && down.source == self->state.roster.address())
      lose_roster(self, "its process ended or its connection broke");
  });
  self->set_exit_handler([self](const caf::exit_msg& told) {
    if (told.source != nullptr && told.source.node() != self->node())
      return; // Another host must not end it.
    if (self->state.dialing)
      self->send_exit(self->state.dialing, caf::exit_reason::user_shutdown);
    self->quit(told.reason);
  });
  self->delayed_send(self, alive_interval, tick_atom_v);
  dial(self);
  return {
      [self](const dialed& result) { on_dialed(self, result); },
      [self](const prepare_order& order) { on_order(self, order); },
      [self](const push_order& order) { on_order(self, order); },
      [self](const stop_order& order) { on_order(self, order); },
      [self](const drop_order& order) { on_order(self, order); },
      [self](const forwarded_answer& answer) {
        from_roster(self, [&] { self->state.options.answered(answer); });
      },
      [self](alive_atom) { from_roster(self, [] {}); },
      [self](estranged_atom) { from_roster(self, [&] { lose_roster(self, "it took this host for gone"); }); },
      [self](const order_done& done) { pass_up(self, done); },
      [self](const forwarded_call& call) { pass_up(self, call); },
      [self](tick_atom) {
        if (is_of_this_process(self))
          look(self);
      },
  };
}

} // namespace ckpt::actors
