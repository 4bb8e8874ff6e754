// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/chunk_source.hpp"

namespace ckpt::actors {

std::vector<std::uint32_t> owned_chunks(const cluster_layout& layout, const io::bucket_plan& plan) {
  std::vector<std::uint32_t> chunks;
  for (const auto& bucket : plan.buckets)
    if (layout.ranks_of_host(layout.host).contains(bucket.owner))
      for (auto chunk = bucket.chunks.begin; chunk < bucket.chunks.end; ++chunk)
        chunks.push_back(chunk);
  return chunks;
}

} // namespace ckpt::actors
