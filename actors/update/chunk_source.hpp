// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The source of an update's chunks. The conductor does not know which of these it is:
//
//   disk_reader   files, or this host's memory
//   peer_reader   the memory of other hosts

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"

#include <cstdint>
#include <vector>

#include <caf/fwd.hpp>

namespace ckpt::actors {

/// The source of a version whose bytes are neither in this host's files nor in its memory. Const; any thread.
class chunk_source {
public:
  virtual ~chunk_source() noexcept = default;

  /// Starts the actor that brings the chunks of one run to `stagers`, one for each device of this host.
  [[nodiscard]] virtual chunk_source_actor spawn(caf::actor_system& system, const update_ptr& context,
                                                 const conductor_actor& conductor,
                                                 const std::vector<stager_actor>& stagers) const = 0;
};

/// Starts the actor that brings the chunks of one run, from wherever the version is.
[[nodiscard]] chunk_source_actor spawn_source(caf::actor_system& system, const update_ptr& context,
                                              const conductor_actor& conductor,
                                              const std::vector<stager_actor>& stagers);

/// The chunks that this host brings, in sequence: those of the buckets that its devices own.
[[nodiscard]] std::vector<std::uint32_t> owned_chunks(const cluster_layout& layout,
                                                      const io::bucket_plan& plan);

/// The device of this host that gets the chunk.
[[nodiscard]] inline std::uint32_t device_of(const update& context, const io::planned_chunk& chunk) {
  return context.plan.buckets[chunk.bucket].owner - context.rank_of(0);
}

} // namespace ckpt::actors
