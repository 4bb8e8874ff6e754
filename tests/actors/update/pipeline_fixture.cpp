// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/actors/update/pipeline_fixture.hpp"

#include <caf/after.hpp>
#include <caf/exit_reason.hpp>

namespace ckpt::tests {
namespace {

using namespace actors;

[[nodiscard]] const char* name_of(milestone at) {
  constexpr const char* names[] = {"ready", "cleared", "expected", "taken", "through", "answered"};
  return names[static_cast<std::size_t>(at)];
}

[[nodiscard]] std::string describe_cause(const cause& why) {
  return std::string{name(why.code)} + ": " + why.what;
}

} // namespace

io::bucket_plan make_plan(const std::vector<bucket_shape>& buckets, std::uint32_t slots) {
  io::bucket_plan plan;
  plan.bucket_bytes = planned_slot_bytes;
  plan.ring_bytes = slots * planned_slot_bytes;
  for (std::uint32_t number = 0; number < buckets.size(); ++number) {
    io::planned_bucket bucket;
    bucket.owner = buckets[number].owner;
    bucket.slot_offset = number % slots * planned_slot_bytes;
    bucket.slot_bytes = planned_slot_bytes;
    bucket.tensor_bytes = buckets[number].chunks * planned_chunk_bytes;
    if (number >= slots)
      bucket.waits_for = number - slots;
    const auto first = static_cast<std::uint32_t>(plan.chunks.size());
    for (std::uint32_t chunk = 0; chunk < buckets[number].chunks; ++chunk) {
      const auto copy = static_cast<std::uint32_t>(plan.copies.size());
      plan.copies.push_back({64, chunk * planned_chunk_bytes, planned_chunk_bytes});
      plan.chunks.push_back({number, 0, {}, planned_chunk_bytes, {copy, copy + 1}});
    }
    bucket.chunks = {first, static_cast<std::uint32_t>(plan.chunks.size())};
    plan.buckets.push_back(bucket);
  }
  return plan;
}

std::optional<std::string> peer::hear(std::chrono::milliseconds patience) {
  std::optional<std::string> words;
  const auto slab = [](const slab_free& freed) {
    return freed.slab ? ", slab " + std::to_string(*freed.slab) : std::string{", no slab"};
  };
  self_->receive(
      [&](const slab_free& freed) { words = "free: chunk " + std::to_string(freed.chunk) + slab(freed); },
      [&](const bucket_staged& staged) { words = "staged: " + std::to_string(staged.bucket); },
      [&](const bucket_ready& ready) { words = "ready: " + std::to_string(ready.bucket); },
      [&](const part_failed& failed) { words = "failed: " + describe_cause(failed.why); },
      [&](const neighbour_suspected& suspected) { words = "suspected: " + describe_cause(suspected.why); },
      [&](const host_failed& failed) { words = "host failed: " + describe_cause(failed.why); },
      [&](const milestone_reached& reached) { words = std::string{"reached: "} + name_of(reached.at); },
      [&](const engine_settled& settled) { words = "settled: " + std::to_string(settled.engine); },
      caf::after(patience) >> [] {});
  return words;
}

std::vector<std::string> peer::hear(std::size_t count) {
  std::vector<std::string> all;
  while (all.size() < count) {
    const auto words = hear(pipeline_patience);
    if (!words)
      break;
    all.push_back(*words);
  }
  return all;
}

std::vector<std::string> peer::heard_so_far() {
  std::vector<std::string> all;
  while (const auto words = hear(std::chrono::milliseconds{0}))
    all.push_back(*words);
  return all;
}

void peer::end(const caf::actor& handle) {
  self_->monitor(handle);
  self_->send_exit(handle, caf::exit_reason::user_shutdown);
  self_->receive([](const caf::down_msg&) {},
                 caf::after(pipeline_patience) >> [] { ADD_FAILURE() << "an actor does not end"; });
}

pipeline_test::config::config() {
  add_message_types<caf::id_block::ckpt_actors>();
  add_message_types<caf::id_block::ckpt_cluster>();
  set("scheduler.max-threads", std::size_t{1});
}

pipeline_test::~pipeline_test() {
  for (const auto& actor : kept_)
    neighbours.self()->send_exit(actor, caf::exit_reason::kill);
}

version_ptr pipeline_test::describe(io::bucket_plan plan) {
  weights_version version;
  version.checkpoint.files.push_back({"/models/weights.safetensors"});
  version.plan = std::move(plan);
  return std::make_shared<const weights_version>(std::move(version));
}

std::shared_ptr<host_resources> pipeline_test::hold(const io::bucket_plan& plan,
                                                    const cluster_layout& layout) {
  std::vector<std::unique_ptr<gpu::device>> made;
  for (std::uint32_t index = 0; index < layout.devices_per_host; ++index) {
    auto device = std::make_unique<held_device>(index);
    devices.push_back(device.get());
    made.push_back(std::move(device));
  }
  auto resources = std::make_shared<host_resources>(std::move(made), [this] {
    auto opened = std::make_unique<held_collective>();
    collective = opened.get();
    return opened;
  });
  resources->begin_run(plan, 4, planned_chunk_bytes);
  return resources;
}

void pipeline_test::make_update(io::bucket_plan plan, const cluster_layout& layout, update_options options) {
  context = make_held<update>(std::move(plan), layout, std::move(options));
}

} // namespace ckpt::tests
