// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/roster.hpp"

#include "actors/cluster/introductions.hpp"
#include "actors/cluster/senders.hpp"
#include "actors/update/deadlines.hpp"

#include <algorithm>
#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using self_pointer = roster_actor::stateful_pointer<roster_state>;

/// The HTTP side of a host takes no larger bodies.
constexpr std::size_t forwarded_bytes_max = 64 << 10;

void publish_changes(const roster_state& state) {
  std::vector<known_host> known;
  for (const auto& host : state.hosts)
    known.push_back(host.known);
  state.options.changed(known);
}

void finish_if_all_done(roster_state& state) {
  if (!state.running || !state.running->waits_for.empty())
    return;
  state.running->promise.deliver(std::move(state.running->outcome));
  state.running.reset();
}

/// A host of the order under way will not take part in its run: the coordinator need not wait for it.
void tell_coordinator(self_pointer self, std::uint32_t host, const cause& why) {
  const auto& order = *self->state.running;
  if (!order.coordinator)
    return;
  const auto index = std::ranges::find(order.hosts, host) - order.hosts.begin();
  self->send(order.coordinator, host_absent{static_cast<std::uint32_t>(index), why});
}

/// A host of the order under way cannot be reached.
void miss(self_pointer self, std::uint32_t host, const std::string& why) {
  auto& state = self->state;
  state.running->outcome.lost.push_back(host);
  tell_coordinator(self, host,
                   {ec::host_lost, host_label(host, state.hosts[host].known.name) + " was lost: " + why});
}

/// `host` cannot be reached any more.
void lose(self_pointer self, std::uint32_t host, const std::string& why) {
  auto& state = self->state;
  auto& one = state.hosts[host];
  if (!one.known.is_here)
    return;
  spdlog::warn("{} is gone: {}", host_label(host, one.known.name), why);
  state.host_of.erase(one.member.address());
  self->demonitor(one.member.address());
  one.member = nullptr;
  one.known.is_here = false;
  publish_changes(state);
  if (state.running && std::erase(state.running->waits_for, host) > 0)
    miss(self, host, why);
  finish_if_all_done(state);
}

[[nodiscard]] enrolled refused(std::string why, bool may_retry = false) {
  return {{ec::host_disagrees, std::move(why)}, may_retry};
}

[[nodiscard]] enrolled on_enrolment(self_pointer self, const join_request& who) {
  auto& state = self->state;
  const auto label = host_label(who.host, who.name);
  if (who.hosts != state.options.layout.hosts || who.host == 0 || who.host >= state.options.layout.hosts)
    return refused(label + " expects " + std::to_string(who.hosts) + " hosts, host 0 "
                   + std::to_string(state.options.layout.hosts));
  if (const auto misfit = describe_misfit(state.options.introduction, who, state.options.layout);
      !misfit.empty())
    return refused(misfit);
  auto& one = state.hosts[who.host];
  const auto sender = caf::actor_cast<member_actor>(self->current_sender());
  if (one.known.is_here && one.member == sender)
    lose(self, who.host, "it enrols again");
  if (one.known.is_here)
    return refused("two hosts claim rank " + std::to_string(who.host) + ": " + one.known.name + " and "
                       + who.name,
                   true);
  one.member = sender;
  one.known = {true, true, who.name, who.endpoints};
  one.heard = meter::clock::now();
  state.host_of[one.member.address()] = who.host;
  self->monitor(one.member);
  const auto here = std::ranges::count_if(state.hosts, [](const auto& each) { return each.known.is_here; });
  spdlog::info("{} is here: {} of {}", label, here, state.hosts.size());
  publish_changes(state);
  return {};
}

/// Passes an order on to the hosts that it names. The answer says how they ended it.
template <class Order>
caf::result<order_outcome> pass_on(self_pointer self, const Order& order,
                                   const coordinator_actor& coordinator) {
  auto& state = self->state;
  if (!is_of_this_process(self))
    return caf::sec::invalid_argument;
  auto& running = state.running.emplace();
  running.outcome.number = order.number;
  running.hosts = order.hosts;
  running.coordinator = coordinator;
  running.promise = self->make_response_promise<order_outcome>();
  const auto promise = running.promise;
  for (const auto host : order.hosts) {
    if (host == 0)
      continue;
    if (state.hosts.at(host).known.is_here) {
      running.waits_for.push_back(host);
      self->send(state.hosts[host].member, order);
    } else {
      miss(self, host, "it has left");
    }
  }
  finish_if_all_done(state);
  return promise;
}

void on_done(self_pointer self, std::uint32_t host, const order_done& done) {
  auto& state = self->state;
  if (!state.running || state.running->outcome.number != done.number
      || std::erase(state.running->waits_for, host) == 0)
    return;
  if (done.failed.code != ec::none) {
    auto why = done.failed;
    why.what = host_label(host, state.hosts[host].known.name) + ": " + why.what;
    tell_coordinator(self, host, why);
    if (auto& failed = state.running->outcome.failed; failed.code == ec::none)
      failed = std::move(why);
  }
  finish_if_all_done(state);
}

void on_stop(self_pointer self, const stop_order& order) {
  const auto& running = self->state.running;
  if (!is_of_this_process(self) || !running || running->outcome.number != order.number)
    return;
  for (const auto host : running->waits_for)
    self->send(self->state.hosts[host].member, order);
}

void on_drop(self_pointer self, const drop_order& order) {
  if (!is_of_this_process(self))
    return;
  for (const auto& host : self->state.hosts)
    if (host.known.is_here && host.member)
      self->send(host.member, order);
}

void on_abandon(self_pointer self, std::uint64_t number) {
  auto& running = self->state.running;
  if (!is_of_this_process(self) || !running || running->outcome.number != number)
    return;
  for (const auto host : std::exchange(running->waits_for, {}))
    miss(self, host, "it does not come to an end");
  finish_if_all_done(self->state);
}

void on_forwarded(self_pointer self, std::uint32_t host, const forwarded_call& call) {
  auto& state = self->state;
  if (call.body.size() <= forwarded_bytes_max && call.path.size() <= forwarded_bytes_max)
    state.options.asked(call, state.hosts[host].member);
}

void look(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  state.looks.look(now, alive_interval);
  for (std::uint32_t host = 1; host < state.hosts.size(); ++host) {
    auto& one = state.hosts[host];
    if (!one.known.is_here)
      continue;
    self->send(one.member, alive_atom_v);
    one.heard = state.looks.forgiving(one.heard);
    if (now - one.heard > state.options.host_timeout)
      lose(self, host, "no sign of life for " + describe_seconds(state.options.host_timeout));
  }
  self->delayed_send(self, alive_interval, tick_atom_v);
}

/// Calls `act(host)` when the sender is one of the hosts, and notes that it is alive.
template <class Function>
void from_host(self_pointer self, Function act) {
  auto& state = self->state;
  if (self->current_sender() == nullptr)
    return;
  if (const auto known = state.host_of.find(self->current_sender()->address());
      known != state.host_of.end()) {
    state.hosts[known->second].heard = meter::clock::now();
    act(known->second);
  } else {
    self->send(caf::actor_cast<member_actor>(self->current_sender()), estranged_atom_v);
  }
}

} // namespace

roster_actor::behavior_type roster(self_pointer self, roster_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.hosts.resize(state.options.layout.hosts);
  state.hosts[0].known = {true, true, state.options.introduction.name, state.options.introduction.endpoints};
  self->set_down_handler([self](const caf::down_msg& down) {
    const auto known = self->state.host_of.find(down.source);
    if (known != self->state.host_of.end())
      lose(self, known->second, "its process ended or its connection broke");
  });
  self->set_exit_handler([self](const caf::exit_msg& told) {
    if (told.source == nullptr || told.source.node() == self->node())
      self->quit(told.reason);
  });
  self->delayed_send(self, alive_interval, tick_atom_v);
  return {
      [self](hello_atom, std::uint32_t version, std::uint32_t host, const std::string& name) {
        if (version != protocol_version)
          spdlog::warn("{} speaks protocol {}, host 0 {}: install the same version on all hosts",
                       host_label(host, name), version, protocol_version);
        return std::make_tuple(protocol_version, std::string{CKPT_VERSION});
      },
      [self](const enrolment& message) {
        return self->current_sender() == nullptr ? refused("nobody enrols") : on_enrolment(self, message.who);
      },
      [self](const order_done& done) {
        from_host(self, [&](std::uint32_t host) { on_done(self, host, done); });
      },
      [self](const forwarded_call& call) {
        from_host(self, [&](std::uint32_t host) { on_forwarded(self, host, call); });
      },
      [self](alive_atom) { from_host(self, [](std::uint32_t) {}); },
      [self](const prepare_order& order) { return pass_on(self, order, {}); },
      [self](const push_order& order) { return pass_on(self, order, order.coordinator); },
      [self](const stop_order& order) { on_stop(self, order); },
      [self](const drop_order& order) { on_drop(self, order); },
      [self](abandon_atom, std::uint64_t number) { on_abandon(self, number); },
      [self](tick_atom) {
        if (is_of_this_process(self))
          look(self);
      },
  };
}

} // namespace ckpt::actors
