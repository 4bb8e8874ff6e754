// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/chunk_source.hpp"

#include "actors/update/disk_reader.hpp"

#include <caf/actor_system.hpp>

namespace ckpt::actors {

chunk_source_actor spawn_source(caf::actor_system& system, const update_ptr& context,
                                const conductor_actor& conductor, const std::vector<stager_actor>& stagers) {
  if (const auto& source = context->version->source)
    return source->spawn(system, context, conductor, stagers);
  return system.spawn<caf::detached>(disk_reader, context, conductor, stagers);
}

std::vector<std::uint32_t> owned_chunks(const cluster_layout& layout, const io::bucket_plan& plan) {
  std::vector<std::uint32_t> chunks;
  for (const auto& bucket : plan.buckets)
    if (layout.ranks_of_host(layout.host).contains(bucket.owner))
      for (auto chunk = bucket.chunks.begin; chunk < bucket.chunks.end; ++chunk)
        chunks.push_back(chunk);
  return chunks;
}

} // namespace ckpt::actors
