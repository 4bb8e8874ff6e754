// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/update.hpp"

#include <algorithm>
#include <utility>

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

update::update(update_options asked, const cluster_layout& place, version_ptr weights,
               std::shared_ptr<host_resources> host)
    : options{std::move(asked)}, layout{place}, version{std::move(weights)}, checkpoint{version->checkpoint},
      plan{version->plan}, resources{std::move(host)}, devices{resources->devices()} {
  checksums.resize(options.endpoints.size());
  for (std::size_t engine = 0; engine < options.endpoints.size(); ++engine)
    server_track_list.push_back(std::make_unique<server_tracks>());
  if (devices.empty())
    return;
  slabs = &resources->slabs();
  collective = resources->open_collective();
  for (std::size_t device = 0; device < devices.size(); ++device)
    device_meter_list.push_back(std::make_unique<device_meters>());
}

update::update(update_options asked, const cluster_layout& place, version_ptr weights)
    : update{std::move(asked), place, std::move(weights), std::make_shared<host_resources>()} {}

void update::release() noexcept {
  if (std::exchange(is_released, true))
    return;
  collective.reset(); // It uses the rings.
  for (const auto& device : devices)
    device->end_run();
  files.clear();
}

} // namespace ckpt::actors
