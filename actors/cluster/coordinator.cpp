// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/coordinator_steps.hpp"
#include "actors/cluster/senders.hpp"
#include "actors/update/deadlines.hpp"
#include "actors/update/proofs.hpp"

#include <algorithm>
#include <iterator>

#include <spdlog/spdlog.h>

namespace ckpt::actors::coordinating {
namespace {

using namespace std::chrono_literals;

/// How long a report that a host is lost is held back for a better cause: a host that fails breaks its links
/// at the same moment as it says why.
constexpr auto suspicion_wait = 2s;

/// How long the hosts get to end their parts, beyond the time that they give their engines.
constexpr auto end_wait = 8s;

/// How long hosts that were told the outcome are given to say goodbye.
constexpr auto goodbye_wait = 3s;

/// How long host 0 stays after a failure before all hosts were there, so that late ones hear of it.
constexpr auto linger_wait = 5s;

void finish_if_told(self_pointer self) {
  auto& state = self->state;
  if (state.at != phase::telling || std::ranges::any_of(state.members, is_reachable))
    return;
  if (state.failed_while_joining && state.here_count < state.options.layout.hosts
      && meter::clock::now() < state.deadline)
    return; // Hosts that come late still hear of it.
  state.at = phase::over;
  self->quit();
}

/// Stands for a host that has sent no verdict: its spared engines were asked for nothing, and before the
/// start none was. Of the others nothing is known.
[[nodiscard]] host_verdict without_verdict(const coordinator_state& state, std::uint32_t host) {
  const auto& introduction = state.members[host].introduction;
  auto layout = state.options.layout;
  layout.host = host;
  auto endpoints = introduction.endpoints;
  endpoints.resize(layout.engines_led_by(host).size());
  auto verdict = untouched(state.first_cause, layout, endpoints);
  verdict.name = introduction.name;
  for (auto& share : verdict.engines)
    share.is_spared = std::ranges::any_of(state.members, [&](const member& one) {
      return std::ranges::find(one.introduction.spared, share.engine) != one.introduction.spared.end();
    });
  if (state.has_begun)
    std::erase_if(verdict.engines, [](const engine_share& share) { return !share.is_spared; });
  return verdict;
}

/// All verdicts are here, or the time for them is over: judges the engines' proofs, and tells all hosts the
/// outcome. Only host 0 gets the verdicts of all.
void tell(self_pointer self) {
  auto& state = self->state;
  state.at = phase::telling;
  state.deadline = meter::clock::now() + (state.failed_while_joining ? linger_wait : goodbye_wait);
  std::vector<host_verdict> verdicts;
  for (std::uint32_t host = 0; host < state.members.size(); ++host)
    if (auto& one = state.members[host]; one.verdict) {
      if (state.first_cause.code == ec::none)
        state.first_cause = one.verdict->first_cause;
      verdicts.push_back(std::move(*one.verdict));
    } else if (auto known = without_verdict(state, host); !known.engines.empty()) {
      verdicts.push_back(std::move(known));
    }
  if (state.first_cause.code == ec::none && state.options.expected)
    state.first_cause = judge_proofs(verdicts, state.options.expected());
  const auto told_to = [&](std::uint32_t host) {
    if (host == 0)
      return verdicts;
    std::vector<host_verdict> own;
    std::ranges::copy_if(verdicts, std::back_inserter(own),
                         [host](const host_verdict& verdict) { return verdict.host == host; });
    for (auto& verdict : own)
      verdict.tracks.clear(); // The trace is host 0's.
    return own;
  };
  for (std::uint32_t host = 0; host < state.members.size(); ++host)
    if (is_reachable(state.members[host]))
      self->send(state.members[host].node, update_over{state.first_cause, told_to(host)});
  finish_if_told(self);
}

void tell_if_all_ended(self_pointer self) {
  auto& state = self->state;
  const auto has_ended = [](const member& one) { return one.verdict || !is_reachable(one); };
  if ((state.at == phase::running || state.at == phase::failing)
      && std::ranges::all_of(state.members, has_ended))
    tell(self);
}

} // namespace

void fail(self_pointer self, cause why) {
  auto& state = self->state;
  if (state.at >= phase::failing)
    return;
  // Hosts that never came within the timeout are not waited for; others that are late, a little.
  state.failed_while_joining = state.at == phase::joining && state.here_count < state.options.layout.hosts
                               && meter::clock::now() <= state.deadline;
  state.first_cause = std::move(why);
  state.at = phase::failing;
  state.deadline =
      meter::clock::now() + state.options.stay_time + abort_grace(state.options.timeout) + end_wait;
  if (state.options.layout.hosts > 1)
    spdlog::error("the update ends on all hosts: {}", headline(state.first_cause));
  for (const auto& one : state.members)
    if (is_reachable(one))
      self->send(one.node, give_up{state.first_cause});
  tell_if_all_ended(self);
}

namespace {

/// `host` cannot be reached any more.
void lose(self_pointer self, std::uint32_t host, const std::string& why) {
  auto& state = self->state;
  auto& one = state.members[host];
  if (!is_reachable(one))
    return;
  one.gone = true;
  if (state.at < phase::failing && !one.verdict)
    fail(self, {ec::host_lost, label(state, host) + " was lost: " + why});
  tell_if_all_ended(self);
  finish_if_told(self);
}

void on_milestone(self_pointer self, std::uint32_t host, milestone reached) {
  auto& state = self->state;
  auto& milestones = state.members[host].milestones;
  if (static_cast<std::uint32_t>(reached) != milestones) {
    fail(self, {ec::unspecified, label(state, host) + " has passed milestones out of order"});
    return;
  }
  ++milestones;
  const auto passed =
      std::ranges::min(state.members, {}, [](const member& one) { return one.milestones; }).milestones;
  for (; state.milestones_passed < passed; ++state.milestones_passed)
    for (const auto& one : state.members)
      self->send(one.node, proceed{static_cast<milestone>(state.milestones_passed)});
}

/// In a failed update: the hosts with workers of `engine` need not wait for them any more.
void on_settled(self_pointer self, std::uint32_t leader, std::uint32_t engine) {
  const auto& state = self->state;
  if (!state.options.layout.engines_led_by(leader).contains(engine))
    return;
  const auto hosts = state.options.layout.hosts_of_engine(engine);
  for (auto host = hosts.begin; host < hosts.end; ++host)
    if (is_reachable(state.members[host]))
      self->send(state.members[host].node, no_more_workers{engine});
}

void on_failure(self_pointer self, std::uint32_t host, cause why) {
  auto& state = self->state;
  if (state.options.layout.hosts > 1)
    why.what = label(state, host) + ": " + why.what;
  fail(self, std::move(why));
}

void on_suspicion(self_pointer self, const cause& why) {
  auto& state = self->state;
  if (state.suspicion)
    return;
  state.suspicion = why;
  state.suspected = meter::clock::now();
}

void on_verdict(self_pointer self, std::uint32_t host, const host_verdict& verdict) {
  auto& state = self->state;
  auto& one = state.members[host];
  one.verdict = verdict;
  one.verdict->name = one.introduction.name;
  if (state.at == phase::running && verdict.first_cause.code != ec::none)
    on_failure(self, host, verdict.first_cause);
  tell_if_all_ended(self);
}

void look_for_the_silent(self_pointer self, meter::clock::time_point now) {
  auto& state = self->state;
  state.looks.look(now, alive_interval);
  for (std::uint32_t host = 0; host < state.members.size(); ++host) {
    auto& one = state.members[host];
    if (!is_reachable(one))
      continue;
    self->send(one.node, alive_atom_v);
    one.heard = state.looks.forgiving(one.heard);
    if (host != state.options.layout.host && now - one.heard > state.options.host_timeout)
      lose(self, host, "no sign of life for " + describe_seconds(state.options.host_timeout));
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  look_for_the_silent(self, now);
  if (state.suspicion && state.at == phase::running && now - state.suspected > suspicion_wait)
    fail(self, *state.suspicion);
  if (state.at == phase::joining) {
    look_for_the_missing(self, now);
  } else if (state.at == phase::failing && now > state.deadline) {
    tell(self);
  } else if (state.at == phase::telling && now > state.deadline) {
    state.at = phase::over;
    self->quit();
  } else {
    finish_if_told(self);
  }
  if (state.at != phase::over)
    self->delayed_send(self, alive_interval, tick_atom_v);
}

/// Calls `act(host)` when the sender is one of the hosts, and notes that it is alive.
template <class Function>
void from_host(self_pointer self, Function act) {
  auto& state = self->state;
  if (self->current_sender() == nullptr)
    return;
  const auto known = state.host_of.find(self->current_sender()->address());
  if (known == state.host_of.end() || state.members[known->second].gone)
    return;
  state.members[known->second].heard = meter::clock::now();
  act(known->second);
}

} // namespace
} // namespace ckpt::actors::coordinating

namespace ckpt::actors {

using namespace coordinating;

coordinator_actor::behavior_type coordinator(self_pointer self, coordinator_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.members.resize(state.options.layout.hosts);
  state.deadline = meter::clock::now() + state.options.timeout;
  state.told_missing = meter::clock::now();
  self->set_down_handler([self](const caf::down_msg& down) {
    const auto known = self->state.host_of.find(down.source);
    if (known != self->state.host_of.end())
      lose(self, known->second, "its process ended or its connection broke");
  });
  self->delayed_send(self, alive_interval, tick_atom_v);
  return {
      [self](hello_atom, std::uint32_t version, std::uint32_t host, const std::string& name) {
        on_hello(self, version, host, name);
        return std::make_tuple(protocol_version, std::string{CKPT_VERSION});
      },
      [self](const join_request& request) {
        if (self->current_sender() != nullptr)
          on_join(self, caf::actor_cast<node_actor>(self->current_sender()), request);
      },
      [self](const milestone_reached& reached) {
        from_host(self, [&](std::uint32_t host) {
          if (self->state.at == phase::running)
            on_milestone(self, host, reached.at);
        });
      },
      [self](const engine_settled& settled) {
        from_host(self, [&](std::uint32_t host) { on_settled(self, host, settled.engine); });
      },
      [self](const host_failed& failed) {
        from_host(self, [&](std::uint32_t host) { on_failure(self, host, failed.why); });
      },
      [self](const neighbour_suspected& suspected) {
        from_host(self, [&](std::uint32_t) { on_suspicion(self, suspected.why); });
      },
      [self](const host_verdict& verdict) {
        from_host(self, [&](std::uint32_t host) { on_verdict(self, host, verdict); });
      },
      [self](alive_atom) { from_host(self, [](std::uint32_t) {}); },
      [self](goodbye_atom) {
        from_host(self, [&](std::uint32_t host) {
          self->state.members[host].gone = true;
          finish_if_told(self);
        });
      },
      [self](const host_absent& absent) {
        auto& one = self->state.members.at(absent.host);
        if (self->state.at != phase::joining || one.here)
          return;
        fail(self, absent.why);
        one.here = one.gone = true; // Nobody waits for it.
        ++self->state.here_count;
      },
      [self](tick_atom) {
        if (is_of_this_process(self))
          look(self);
      },
  };
}

} // namespace ckpt::actors
