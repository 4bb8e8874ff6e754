// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/conductor_verdict.hpp"

#include "actors/update/recording.hpp"

#include <algorithm>

namespace ckpt::actors {
namespace {

/// This host's account of `engine`.
[[nodiscard]] engine_share share_of(const conductor_state& state, std::uint32_t engine) {
  using worker = conductor_state::device_part;
  const auto& context = *state.context;
  const auto workers = state.workers_of(engine);
  engine_share share;
  share.engine = engine;
  share.is_spared = context.is_spared(engine);
  share.listed = std::ranges::any_of(workers, &worker::listed);
  share.finished = std::ranges::all_of(workers, &worker::finished);
  share.bytes = std::ranges::min(workers, {}, &worker::acknowledged_bytes).acknowledged_bytes;
  share.seconds = state.seconds();
  const auto led = context.layout.engines_led_by(context.layout.host);
  if (!led.contains(engine))
    return share;
  const auto& part = state.engines[engine - led.begin];
  share.endpoint = context.options.endpoints[engine - led.begin].url;
  share.answered = part.answered;
  share.closed = part.closed;
  share.account = part.account;
  if (part.closed)
    share.seconds = part.seconds;
  return share;
}

[[nodiscard]] std::vector<stage_report> stages(const update& context) {
  std::vector<stage_report> result;
  result.push_back({"disk", context.disk_meter.bytes(), context.disk_meter.busy_seconds()});
  // Devices copy and reload at the same time: the slowest one is the stage.
  const auto slowest = [&](const char* stage, meter device_meters::*of) {
    stage_report report{stage, 0, 0};
    for (const auto& meters : context.device_meter_list) {
      report.bytes += (meters.get()->*of).bytes();
      report.busy_seconds = std::max(report.busy_seconds, (meters.get()->*of).busy_seconds());
    }
    result.push_back(report);
  };
  slowest("copy", &device_meters::copy);
  result.push_back({"broadcast", context.broadcast_meter.bytes(), context.broadcast_meter.busy_seconds()});
  slowest("reload", &device_meters::reload);
  return result;
}

} // namespace

host_verdict judge_host(const conductor_state& state) {
  host_verdict verdict;
  const auto& context = *state.context;
  verdict.host = context.layout.host;
  verdict.first_cause = state.first_cause;
  verdict.seconds = state.update_seconds.value_or(state.seconds());
  verdict.connect_seconds = context.collective->connecting_took().count();
  verdict.ready_seconds = state.ready_seconds;
  const auto engines = context.layout.engines_on_host(context.layout.host);
  for (auto engine = engines.begin; engine < engines.end; ++engine)
    verdict.engines.push_back(share_of(state, engine));
  verdict.stages = stages(context);
  verdict.tracks = recorded_tracks(context, state.given_up.value_or(meter::clock::now()));
  verdict.startup = context.startup;
  verdict.from_page_cache_bytes = context.page_cache_bytes;
  verdict.in_place_bytes = context.in_place_bytes;
  verdict.reader_engine = context.reader_engine;
  verdict.parts_left = !state.living.empty() || context.collective->is_stuck();
  return verdict;
}

} // namespace ckpt::actors
