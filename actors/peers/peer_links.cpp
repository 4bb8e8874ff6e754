// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which sources and fellows are given up, and what becomes of what is under way then.

#include "actors/cluster/introductions.hpp"
#include "actors/peers/peer_choice.hpp"
#include "actors/peers/peer_exchange.hpp"
#include "actors/peers/peer_reader_steps.hpp"
#include "actors/update/deadlines.hpp"
#include "io/read/resident_chunks.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::actors::reading {
namespace {

using namespace std::chrono_literals;
using link_kind = peer_reader_state::link_kind;

/// How long everything may wait for a fellow while a source has the same.
constexpr auto slowness_max = silence_max / 3;

/// Why a link is given up now; usually empty.
[[nodiscard]] std::string doubt(const peer_reader_state& state, const peer_reader_state::link& one,
                                meter::clock::time_point now) {
  const auto timeout = state.context->options.timeout;
  if (!one.lost.empty() || !one.endpoint)
    return {};
  if (one.endpoint->failure() != nullptr)
    return std::string{"its connection failed: "} + one.endpoint->failure();
  if (one.kind == link_kind::fellow) {
    if ((one.asked > 0 && now - one.arrived > silence_max) || (one.sends > 0 && now - one.sent > silence_max))
      return "nothing came or went for " + describe_seconds(silence_max);
    return {};
  }
  if (now - one.heard > silence_max)
    return "no sign of life for " + describe_seconds(silence_max);
  if (one.asked > 0 && now - one.arrived > timeout)
    return "it sent nothing for " + describe_seconds(timeout);
  return {};
}

} // namespace

void look_for_the_silent(self_pointer self) {
  auto& state = self->state;
  const auto now = meter::clock::now();
  if (now - state.last_look < alive_interval)
    return;
  state.last_look = now;
  state.looks.look(now, alive_interval);
  for (std::size_t index = 0; index < state.links.size(); ++index) {
    auto& one = state.links[index];
    one.heard = state.looks.forgiving(one.heard);
    if (one.kind == link_kind::fellow) {
      one.arrived = state.looks.forgiving(one.arrived);
      one.sent = state.looks.forgiving(one.sent);
    }
    if (const auto why = doubt(state, one, now); !why.empty())
      lose(self, index, why);
  }
  for (auto& [transfer, made] : state.requests)
    made->since = state.looks.forgiving(made->since);
  if (const auto brake = find_brake(state, now, slowness_max))
    lose(self, *brake, "it is too slow: everything waits for it");
}

void lose(self_pointer self, std::size_t index, const std::string& why) {
  auto& state = self->state;
  auto& one = state.links[index];
  if (!one.lost.empty() || state.failed)
    return;
  one.lost = why.empty() ? "it says no reason" : why;
  if (one.kind == link_kind::source)
    spdlog::warn("{} is not asked for weights any more: {}", one.name, one.lost);
  else
    spdlog::info("{}, which joins as well, is not asked for weights any more: {}", one.name, one.lost);
  if (one.kind == link_kind::fellow)
    part_from(self, one);
  for (auto& [transfer, made] : state.requests)
    if (made->link == index)
      transfer->local->cancel(*transfer);
  one.endpoint.reset(); // That ends what is arriving already.
  one.wanted.clear();
  for (std::uint32_t chunk = 0; chunk < one.has.size(); ++chunk)
    set_has(state, one, chunk, false);
  if (one.kind == link_kind::source) {
    lose_the_unreachable(self);
    for (auto& each : state.links) // What it did not pass on any more is said again.
      each.is_told_all = false;
  }
  tick_soon(self);
}

void end_exchange(self_pointer self, const std::string& why) {
  auto& state = self->state;
  for (std::size_t index = 0; index < state.links.size(); ++index)
    if (state.links[index].kind == link_kind::fellow)
      lose(self, index, why);
  leave_behind(state, *state.exchange);
  state.exchange.reset();
}

void end(self_pointer self) {
  auto& state = self->state;
  state.failed = true;
  state.context->disk_meter.set_busy(false);
  for (auto& one : state.links)
    one.endpoint.reset();
  if (!state.fabric)
    return;
  for (auto& [transfer, made] : state.requests)
    transfer->local->cancel(*transfer);
  const auto deadline = meter::clock::now() + 1s;
  while ((!state.requests.empty() || !state.sends.empty()) && meter::clock::now() < deadline)
    for_each_fabric(state, [&](gpu::fabric& one) {
      one.progress();
      for (auto* transfer : one.take_completed()) {
        state.requests.erase(transfer);
        state.sends.erase(transfer);
      }
    });
  if (state.requests.empty() && state.sends.empty())
    return;
  spdlog::error("weights of other hosts are still arriving, or leaving; their memory is left alone");
  state.context->slabs->abandon();
  if (const auto& kept = state.source->weights().kept)
    kept->abandon();
  static_cast<void>(state.fabric.release());
  static_cast<void>(state.exchange.release());
  for (auto& [transfer, made] : std::exchange(state.requests, {}))
    static_cast<void>(made.release());
  for (auto& [transfer, sent] : std::exchange(state.sends, {}))
    static_cast<void>(sent.release());
}

} // namespace ckpt::actors::reading
