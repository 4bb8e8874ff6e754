// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/loader.hpp"

#include "actors/broadcaster.hpp"
#include "actors/deadlines.hpp"
#include "actors/disk_reader.hpp"
#include "actors/server_notifier.hpp"
#include "actors/stager.hpp"
#include "actors/worker_session.hpp"

#include <algorithm>
#include <cassert>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using self_pointer = loader_actor::stateful_pointer<loader_state>;
using phase = loader_state::phase;

/// What sessions and notifiers get beyond the grace that they give themselves, and all parts to end.
constexpr auto give_up_margin = std::chrono::milliseconds{3'000};
constexpr auto end_wait = std::chrono::milliseconds{8'000};

[[nodiscard]] double seconds_since(meter::clock::time_point start) {
  return std::chrono::duration<double>{meter::clock::now() - start}.count();
}

template <class Parts, class Predicate>
[[nodiscard]] bool all(const Parts& parts, Predicate predicate) {
  return std::ranges::all_of(parts, predicate);
}

/// What `engine` serves now, judged by what its workers were sent and said.
[[nodiscard]] served_weights serves(const loader_state& state, std::uint32_t engine) {
  const auto workers = std::span{state.devices}.subspan(engine * state.context->options.devices_per_engine,
                                                        state.context->options.devices_per_engine);
  if (all(workers, [](const auto& worker) { return worker.finished; }) && state.engines[engine].answered)
    return served_weights::updated;
  return std::ranges::any_of(workers, [](const auto& worker) { return worker.listed; })
             ? served_weights::mixed
             : served_weights::unchanged;
}

[[nodiscard]] std::string why_failed(const loader_state& state, std::uint32_t engine) {
  const auto& part = state.engines[engine];
  std::string why = state.first_cause.what;
  if (state.first_cause.engine >= 0 && state.first_cause.engine != static_cast<int>(engine))
    why = "given up because " + why;
  if (!part.said.empty() && why.find(part.said) == std::string::npos)
    why += "\nthe server said: " + part.said;
  return why;
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

[[nodiscard]] update_verdict judge(const loader_state& state) {
  update_verdict verdict;
  const auto& context = *state.context;
  verdict.first_cause = state.first_cause;
  verdict.seconds = seconds_since(state.started);
  verdict.ready_seconds = state.ready_seconds;
  for (std::uint32_t engine = 0; engine < state.engines.size(); ++engine) {
    const auto& part = state.engines[engine];
    engine_verdict one;
    one.endpoint = context.options.endpoints[engine].url;
    one.serves = serves(state, engine);
    one.version = context.options.weight_version;
    one.seconds = part.closed ? part.seconds : verdict.seconds;
    if (!part.closed)
      one.why = why_failed(state, engine);
    one.bytes = ~std::uint64_t{0};
    for (std::uint32_t worker = 0; worker < context.options.devices_per_engine; ++worker)
      one.bytes = std::min(
          one.bytes, state.devices[engine * context.options.devices_per_engine + worker].acknowledged_bytes);
    verdict.engines.push_back(std::move(one));
  }
  verdict.stages = stages(context);
  verdict.parts_left = !state.living.empty();
  return verdict;
}

template <class Handle>
Handle keep(self_pointer self, Handle part) {
  self->monitor(part);
  self->state.living.push_back(part.address());
  return part;
}

void spawn_parts(self_pointer self) {
  auto& state = self->state;
  const auto& context = state.context;
  const auto me = loader_actor{self};
  std::vector<worker_session_actor> sessions;
  std::vector<stager_actor> stagers;
  state.devices.resize(context->devices.size());
  state.engines.resize(context->options.endpoints.size());
  for (std::uint32_t engine = 0; engine < state.engines.size(); ++engine)
    state.engines[engine].notifier =
        keep(self, self->spawn<caf::detached>(server_notifier, context, engine, me));
  for (std::uint32_t device = 0; device < state.devices.size(); ++device) {
    auto& part = state.devices[device];
    part.session = keep(self, self->spawn<caf::detached>(worker_session, context, device, me));
    sessions.push_back(part.session);
  }
  state.broadcaster = keep(self, self->spawn<caf::detached>(broadcaster, context, me, std::move(sessions)));
  for (std::uint32_t device = 0; device < state.devices.size(); ++device) {
    auto& part = state.devices[device];
    part.stager = keep(self, self->spawn<caf::detached>(stager, context, device, me, state.broadcaster));
    stagers.push_back(part.stager);
    self->send(part.stager, start_atom_v);
  }
  state.reader = keep(self, self->spawn<caf::detached>(disk_reader, context, me, std::move(stagers)));
}

void deliver(self_pointer self) {
  auto& state = self->state;
  state.at = phase::over;
  state.promise.deliver(judge(state));
  self->quit();
}

/// Everybody has said what there is to say; when the last part is gone, the verdict goes out.
void end(self_pointer self) {
  auto& state = self->state;
  state.at = phase::ending;
  for (const auto& address : state.living)
    self->send_exit(address, caf::exit_reason::user_shutdown);
  self->delayed_send(self, end_wait, give_up_atom_v, static_cast<std::uint8_t>(phase::ending));
  if (state.living.empty())
    deliver(self);
}

void end_if_all_told(self_pointer self) {
  auto& state = self->state;
  if (state.at == phase::aborting && all(state.devices, [](const auto& device) { return device.closed; })
      && all(state.engines, [](const auto& engine) { return engine.ended; }))
    end(self);
}

/// The first failure ends the update: nothing more is read or copied, workers and servers are told at once.
void on_failure(self_pointer self, const cause& why) {
  auto& state = self->state;
  if (state.at >= phase::aborting)
    return;
  state.first_cause = why;
  state.at = phase::aborting;
  spdlog::error("{}", why.what);
  self->send_exit(state.reader, caf::exit_reason::user_shutdown);
  for (auto& device : state.devices) {
    self->send_exit(device.stager, caf::exit_reason::user_shutdown);
    self->send(device.session, abort_update{why.what});
  }
  self->send_exit(state.broadcaster, caf::exit_reason::user_shutdown);
  for (auto& engine : state.engines)
    self->send(engine.notifier, abort_update{why.what});
  self->delayed_send(self, abort_grace(state.context->options.timeout) + give_up_margin, give_up_atom_v,
                     static_cast<std::uint8_t>(phase::aborting));
}

/// An engine whose server is ready and whose channels are bound is asked to start its workers.
void post_if_ready(self_pointer self, std::uint32_t engine) {
  auto& state = self->state;
  auto& part = state.engines[engine];
  const auto per_engine = state.context->options.devices_per_engine;
  const auto workers = std::span{state.devices}.subspan(engine * per_engine, per_engine);
  if (part.posted || !part.ready || !all(workers, [](const auto& worker) { return worker.bound; }))
    return;
  part.posted = true;
  self->send(part.notifier, post_atom_v);
  for (auto& worker : workers)
    self->send(worker.session, open_atom_v);
}

void on_acknowledged(self_pointer self, loader_state::device_part& device, std::uint32_t bucket) {
  auto& state = self->state;
  assert(device.acknowledged == bucket);
  device.acknowledged = bucket + 1;
  device.acknowledged_bytes += state.context->plan.buckets[bucket].tensor_bytes;
  const auto slowest = std::ranges::min_element(state.devices, {}, &loader_state::device_part::acknowledged);
  if (slowest->acknowledged == state.acknowledged)
    return;
  state.acknowledged = slowest->acknowledged;
  state.context->acknowledged_bytes = slowest->acknowledged_bytes;
  if (state.acknowledged < state.context->bucket_count()) {
    for (const auto& part : state.devices)
      self->send(part.stager, buckets_acknowledged{state.acknowledged});
    self->send(state.broadcaster, buckets_acknowledged{state.acknowledged});
    return;
  }
  state.at = phase::finishing;
  for (const auto& part : state.devices)
    self->send(part.session, finish_atom_v);
}

/// All workers are through and all servers say so: confirm, and bring inference back.
void close_if_answered(self_pointer self) {
  auto& state = self->state;
  if (state.at != phase::finishing || !all(state.devices, [](const auto& device) { return device.finished; })
      || !all(state.engines, [](const auto& engine) { return engine.answered; }))
    return;
  state.at = phase::closing;
  for (auto& engine : state.engines)
    self->send(engine.notifier, close_atom_v);
}

void on_session(self_pointer self, const session_progress& progress) {
  auto& state = self->state;
  auto& device = state.devices[progress.device];
  using step = session_progress::step;
  switch (progress.at) {
  case step::bound:
    device.bound = true;
    post_if_ready(self, state.context->engine_of(progress.device));
    break;
  case step::opened:
    device.opened = true;
    state.context->devices[progress.device]->hide_export();
    if (state.at == phase::starting && all(state.devices, [](const auto& part) { return part.opened; })) {
      state.at = phase::transferring;
      state.ready_seconds = seconds_since(state.started);
    }
    break;
  case step::listed:
    device.listed = true;
    break;
  case step::acknowledged:
    if (state.at < phase::finishing)
      on_acknowledged(self, device, progress.bucket);
    break;
  case step::finished: {
    device.finished = true;
    const auto engine = state.context->engine_of(progress.device);
    const auto per_engine = state.context->options.devices_per_engine;
    if (all(std::span{state.devices}.subspan(engine * per_engine, per_engine),
            [](const auto& worker) { return worker.finished; }))
      self->send(state.engines[engine].notifier, finish_atom_v);
    close_if_answered(self);
    break;
  }
  case step::closed:
    device.closed = true;
    end_if_all_told(self);
    break;
  }
}

void on_server(self_pointer self, const server_progress& progress) {
  auto& state = self->state;
  auto& engine = state.engines[progress.engine];
  using step = server_progress::step;
  switch (progress.at) {
  case step::ready:
    engine.ready = true;
    spdlog::info("engine {} is ready", state.context->options.endpoints[progress.engine].url);
    post_if_ready(self, progress.engine);
    break;
  case step::answered:
    engine.answered = true;
    // Only a worker that has been told to finish can be through.
    if (state.at < phase::finishing)
      on_failure(self, {ec::engine_failed,
                        "engine " + state.context->options.endpoints[progress.engine].url
                            + " reported success before its workers had taken all weights",
                        static_cast<int>(progress.engine)});
    close_if_answered(self);
    break;
  case step::closed:
    engine.closed = true;
    engine.seconds = seconds_since(state.started);
    if (state.at == phase::closing && all(state.engines, [](const auto& part) { return part.closed; }))
      end(self);
    break;
  case step::ended:
    engine.ended = true;
    engine.said = progress.said;
    end_if_all_told(self);
    break;
  }
}

void on_down(self_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  std::erase(state.living, down.source);
  if (state.at < phase::aborting)
    on_failure(self,
               {ec::unspecified, "a part of the pipeline ended unexpectedly: " + to_string(down.reason)});
  if (state.at == phase::ending && state.living.empty())
    deliver(self);
}

} // namespace

loader_actor::behavior_type loader(self_pointer self, update_ptr context) {
  self->state.context = std::move(context);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  return {
      [self](run_atom) -> caf::result<update_verdict> {
        auto& state = self->state;
        state.started = meter::clock::now();
        state.promise = self->make_response_promise<update_verdict>();
        spawn_parts(self);
        self->send(state.reader, start_atom_v);
        for (auto& engine : state.engines)
          self->send(engine.notifier, start_atom_v);
        return state.promise;
      },
      [self](const part_failed& failed) { on_failure(self, failed.why); },
      [self](const session_progress& progress) { on_session(self, progress); },
      [self](const server_progress& progress) { on_server(self, progress); },
      [self](give_up_atom, std::uint8_t during) {
        if (self->state.at != static_cast<phase>(during))
          return;
        if (self->state.at == phase::aborting)
          end(self);
        else if (self->state.at == phase::ending)
          deliver(self);
      },
  };
}

} // namespace ckpt::actors
