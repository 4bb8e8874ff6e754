// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/coordinator_steps.hpp"
#include "actors/update/deadlines.hpp"

#include <random>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::actors::coordinating {
namespace {

using namespace std::chrono_literals;

/// How often the log names the missing hosts.
constexpr auto tell_missing_every = 5s;

/// Something random that only the hosts of this update know.
[[nodiscard]] std::string make_secret() {
  std::random_device random;
  std::string secret(32, '\0');
  for (auto& byte : secret)
    byte = static_cast<char>(random());
  return secret;
}

void begin(self_pointer self) {
  auto& state = self->state;
  const auto& layout = state.options.layout;
  state.at = phase::running;
  state.has_begun = true;
  if (layout.hosts > 1)
    spdlog::info("all {} hosts are here and have the same plan", layout.hosts);
  const auto secret = make_secret(), peer_secret = make_secret();
  const auto introduction_of = [&](std::uint32_t host) -> const join_request& {
    return state.members[host].introduction;
  };
  for (std::uint32_t host = 0; host < layout.hosts; ++host) {
    auto start = make_start(host, layout, secret, introduction_of);
    start.peer_secret = peer_secret;
    start.is_recorded = state.options.records;
    self->send(state.members[host].node, std::move(start));
  }
}

/// Asks host 0 and a host with another plan for their files, and ends the update with an error that names the
/// difference.
void compare_files(self_pointer self, std::uint32_t host) {
  auto& state = self->state;
  const auto disagree = [self, host](const std::string& what) {
    fail(self, {ec::host_disagrees, label(self->state, host) + " " + what});
  };
  self->request(state.members[0].node, state.options.host_timeout, compare_atom_v)
      .then(
          [=](const file_table& ours) {
            self->request(self->state.members[host].node, self->state.options.host_timeout, compare_atom_v)
                .then(
                    [=](const file_table& theirs) {
                      const auto difference = io::describe_difference(ours.files, theirs.files);
                      disagree(difference.empty() ? "plans another update of the same files" : difference);
                    },
                    [=](const caf::error&) { disagree("has another checkpoint, and does not say which"); });
          },
          [=](const caf::error&) { disagree("has another checkpoint than host 0"); });
}

/// Compares a host with host 0. False when they do not fit.
[[nodiscard]] bool fits(self_pointer self, std::uint32_t host) {
  auto& state = self->state;
  const auto difference =
      describe_misfit(state.members[0].introduction, state.members[host].introduction, state.options.layout);
  if (!difference.empty()) {
    fail(self, {ec::host_disagrees, difference});
    return false;
  }
  if (state.members[host].introduction.plan_digest == state.members[0].introduction.plan_digest)
    return true;
  compare_files(self, host);
  return false;
}

void begin_if_all_fit(self_pointer self) {
  auto& state = self->state;
  if (state.here_count < state.options.layout.hosts)
    return;
  for (std::uint32_t host = 1; host < state.members.size(); ++host)
    if (!fits(self, host))
      return;
  begin(self);
}

[[nodiscard]] std::string missing_hosts(const coordinator_state& state) {
  return describe_missing(state.members.size(), [&](std::uint32_t host) { return state.members[host].here; });
}

void tell_missing(coordinator_state& state) {
  const auto missing = missing_hosts(state);
  if (state.options.layout.hosts > 1 && !missing.empty())
    spdlog::info("{} of {} hosts are here; waiting for {}", state.here_count, state.options.layout.hosts,
                 missing);
  state.told_missing = meter::clock::now();
}

/// Tells a host that comes after the update has failed so at once.
void send_away(self_pointer self, const node_actor& node) {
  self->send(node, give_up{self->state.first_cause});
  self->send(node, update_over{self->state.first_cause, {}});
}

} // namespace

void on_join(self_pointer self, const node_actor& node, const join_request& request) {
  auto& state = self->state;
  if (state.at >= phase::failing) {
    send_away(self, node);
    if (request.host < state.members.size())
      if (auto& late = state.members[request.host]; !std::exchange(late.here, true)) {
        late.gone = true;
        ++state.here_count;
      }
    return;
  }
  const auto who = host_label(request.host, request.name);
  if (request.hosts != state.options.layout.hosts || request.host >= state.options.layout.hosts) {
    fail(self, {ec::host_disagrees, who + " expects " + std::to_string(request.hosts) + " hosts, host 0 "
                                        + std::to_string(state.options.layout.hosts)});
    send_away(self, node);
    return;
  }
  auto& one = state.members[request.host];
  if (one.here) {
    fail(self, {ec::host_disagrees, "two hosts claim rank " + std::to_string(request.host) + ": "
                                        + one.introduction.name + " and " + request.name});
    send_away(self, node);
    return;
  }
  one.here = true;
  one.node = node;
  one.introduction = request;
  one.heard = meter::clock::now();
  state.host_of[node.address()] = request.host;
  ++state.here_count;
  self->monitor(node);
  if (request.failed_before.code != ec::none) {
    auto why = request.failed_before;
    if (state.options.layout.hosts > 1)
      why.what = who + ": " + why.what;
    fail(self, std::move(why));
    return;
  }
  tell_missing(state);
  begin_if_all_fit(self);
}

void on_hello(self_pointer self, std::uint32_t version, std::uint32_t host, const std::string& name) {
  if (version != protocol_version)
    fail(self, {ec::host_disagrees, host_label(host, name) + " speaks protocol " + std::to_string(version)
                                        + ", host 0 " + std::to_string(protocol_version)
                                        + ": install the same version on all hosts"});
}

void look_for_the_missing(self_pointer self, meter::clock::time_point now) {
  auto& state = self->state;
  if (now > state.deadline)
    fail(self, {ec::host_lost,
                missing_hosts(state) + " never came within " + describe_seconds(state.options.timeout)});
  else if (now - state.told_missing > tell_missing_every)
    tell_missing(state);
}

} // namespace ckpt::actors::coordinating
