// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/host/host_resources.hpp"

#include "actors/update/verdict.hpp"
#include "io/error.hpp"

#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::actors {
namespace {

/// The kernel lists them: "0" is one, "0-1" and "0,2" are several.
[[nodiscard]] bool has_several_memory_nodes() {
  std::string nodes;
  std::ifstream{"/sys/devices/system/node/has_memory"} >> nodes;
  return nodes.find_first_of(",-") != std::string::npos;
}

void make_ring(gpu::device& device, const io::bucket_plan& plan) {
  try {
    device.begin_run(plan.ring_bytes);
  } catch (const std::exception& error) {
    throw std::runtime_error{std::string{error.what()} + "; the ring has to hold the largest group, "
                             + io::printable(plan.largest.name) + " (" + std::to_string(plan.largest.bytes)
                             + " bytes), and two buckets of " + describe_bytes(plan.bucket_bytes)
                             + ": a smaller --bucket-size takes less"};
  }
}

} // namespace

host_resources::host_resources(std::vector<std::unique_ptr<gpu::device>> devices,
                               collective_opener open_collective)
    : devices_{std::move(devices)}, open_collective_{std::move(open_collective)} {}

void host_resources::begin_run(const io::bucket_plan& plan, std::uint32_t slab_count,
                               std::uint64_t slab_bytes) {
  try {
    if (!slabs_ || slabs_->is_abandoned() || slabs_->slab_bytes() != slab_bytes
        || slabs_->count() < slab_count)
      make_slabs(slab_count, slab_bytes);
    slabs_->take_all_back();
    for (const auto& device : devices_)
      make_ring(*device, plan);
  } catch (...) {
    drop_slabs(); // Without rings they would be taken for all that a run needs.
    throw;
  }
}

bool host_resources::pin(std::span<std::byte> memory) noexcept {
  try {
    for (const auto& device : devices_)
      device->pin(memory);
    return true;
  } catch (const std::exception& error) {
    spdlog::warn("{} of host memory cannot be pinned, copies from there are slow: {}",
                 describe_bytes(memory.size()), error.what());
    unpin(memory);
    return false;
  }
}

void host_resources::unpin(std::span<const std::byte> memory) noexcept {
  for (const auto& device : devices_)
    device->unpin(memory);
}

void host_resources::drop_slabs() noexcept {
  if (slabs_ && !slabs_->is_abandoned())
    unpin(slabs_->memory());
  slabs_.reset();
}

void host_resources::make_slabs(std::uint32_t count, std::uint64_t bytes) {
  drop_slabs();
  slabs_ = std::make_unique<io::slab_pool>(count, bytes);
  std::vector<unsigned> nodes; // So that every device has slabs next to it.
  for (const auto& device : devices_)
    if (const auto node = device->memory_node())
      nodes.push_back(*node);
  if (!nodes.empty() && has_several_memory_nodes() && !slabs_->place_on(nodes))
    spdlog::warn("staging memory cannot be placed next to the devices: copies may cross memory nodes");
  for (const auto& device : devices_)
    device->pin(slabs_->memory());
}

} // namespace ckpt::actors
