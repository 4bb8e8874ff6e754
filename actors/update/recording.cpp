// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/recording.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace ckpt::actors {

std::uint32_t recorded_every(std::uint32_t buckets, const cluster_layout& layout) {
  // Its owner reads and copies a bucket; on every host it is broadcast, and every device's worker takes it.
  const std::uint64_t spans_of_one = 2 + std::uint64_t{layout.hosts} * (1 + layout.devices_per_host);
  const auto recorded_max = std::max<std::uint64_t>(spans_max / spans_of_one, 1);
  return static_cast<std::uint32_t>(std::max<std::uint64_t>((buckets + recorded_max - 1) / recorded_max, 1));
}

void begin_recording(update& context) {
  const auto buckets = context.bucket_count();
  const auto every = recorded_every(buckets, context.layout);
  context.disk_meter.buckets.reserve(buckets, every);
  context.broadcast_meter.buckets.reserve(buckets, every);
  for (const auto& device : context.device_meter_list) {
    device->copy.buckets.reserve(buckets, every);
    device->reload.buckets.reserve(buckets, every);
    device->steps.reserve(static_cast<std::uint32_t>(worker_step::count));
  }
  for (const auto& server : context.server_track_list) {
    server->steps.reserve(static_cast<std::uint32_t>(server_step::count));
    server->pause.reserve(1);
  }
}

std::vector<track_report> recorded_tracks(const update& context, track::clock::time_point until) {
  std::vector<track_report> tracks;
  const auto now = track::clock::now();
  const auto add = [&](track_report::kind kind, std::string name, const track& recorded) {
    const bool is_of_a_server = kind == track_report::kind::pause || kind == track_report::kind::server;
    if (auto spans = recorded.spans(context.started, is_of_a_server ? now : until); !spans.empty())
      tracks.push_back({kind, std::move(name), std::move(spans)});
  };
  using kind = track_report::kind;
  const auto led = context.layout.engines_led_by(context.layout.host);
  for (std::uint32_t index = 0; index < context.server_track_list.size(); ++index) {
    const auto server = context.engine_name(led.begin + index);
    add(kind::pause, "pause of " + server, context.server_track_list[index]->pause);
    add(kind::server, "server of " + server, context.server_track_list[index]->steps);
  }
  const std::string_view reader = context.reader_engine.load();
  add(kind::disk, reader == "peers" ? std::string{reader} : "disk, " + std::string{reader},
      context.disk_meter.buckets);
  for (std::uint32_t device = 0; device < context.device_meter_list.size(); ++device)
    add(kind::copy, "copy to " + context.devices[device]->description(),
        context.device_meter_list[device]->copy.buckets);
  add(kind::broadcast, "broadcast", context.broadcast_meter.buckets);
  for (std::uint32_t device = 0; device < context.device_meter_list.size(); ++device) {
    add(kind::worker, context.worker_name(device), context.device_meter_list[device]->reload.buckets);
    add(kind::worker_steps, context.worker_name(device), context.device_meter_list[device]->steps);
  }
  return tracks;
}

} // namespace ckpt::actors
