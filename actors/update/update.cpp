// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/update.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::actors {

std::uint32_t slab_count(std::uint64_t host_memory_bytes, const io::bucket_plan& plan,
                         std::uint64_t chunk_bytes, const cluster_layout& layout) {
  std::uint64_t wanted = 0;
  for (const auto& bucket : plan.buckets)
    if (layout.ranks_of_host(layout.host).contains(bucket.owner))
      wanted += bucket.chunks.size();
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(host_memory_bytes / chunk_bytes, 1, std::max<std::uint64_t>(wanted, 1)));
}

namespace {

/// What the kernel says is "0" where there is one, and "0-1" or "0,2" where there are several.
[[nodiscard]] bool has_several_memory_nodes() {
  std::string nodes;
  std::ifstream{"/sys/devices/system/node/has_memory"} >> nodes;
  return nodes.find_first_of(",-") != std::string::npos;
}

/// Lets every device find slabs next to it.
void place_slabs(update& made) {
  std::vector<unsigned> nodes;
  for (const auto& device : made.devices)
    if (const auto node = device->memory_node())
      nodes.push_back(*node);
  if (!nodes.empty() && has_several_memory_nodes() && !made.slabs->place_on(nodes))
    spdlog::warn("staging memory cannot be placed next to the devices: copies may cross memory nodes");
}

void allocate_ring(gpu::device& device, const io::bucket_plan& plan) {
  try {
    device.allocate_ring(plan.ring_bytes);
  } catch (const std::exception& error) {
    throw std::runtime_error{std::string{error.what()} + "; the ring has to hold the largest group, "
                             + io::printable(plan.largest.name) + " (" + std::to_string(plan.largest.bytes)
                             + " bytes), and two buckets of " + describe_bytes(plan.bucket_bytes)
                             + ": a smaller --bucket-size takes less"};
  }
}

} // namespace

update_ptr make_update(update_options options, const cluster_layout& layout, io::checkpoint checkpoint,
                       io::bucket_plan plan, std::vector<std::unique_ptr<gpu::device>> devices,
                       std::unique_ptr<gpu::collective> collective) {
  auto made = std::make_shared<update>();
  made->options = std::move(options);
  made->checksums.resize(made->options.endpoints.size());
  made->layout = layout;
  made->checkpoint = std::move(checkpoint);
  made->plan = std::move(plan);
  made->devices = std::move(devices);
  made->collective = std::move(collective);
  made->slabs = std::make_unique<io::slab_pool>(
      slab_count(made->options.host_memory_bytes, made->plan, made->options.chunk_bytes, layout),
      made->options.chunk_bytes);
  place_slabs(*made);
  for (auto& device : made->devices) {
    device->pin(made->slabs->memory());
    allocate_ring(*device, made->plan);
    made->device_meter_list.push_back(std::make_unique<device_meters>());
  }
  return made;
}

} // namespace ckpt::actors
