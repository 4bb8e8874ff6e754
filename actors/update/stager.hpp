// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that copies chunks from host memory into one device's ring. Detached: it waits for copies on its
// own thread, for a few milliseconds at a time. Bound: the chunks that the chunk source may hand over.

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"

#include <deque>
#include <vector>

namespace ckpt::actors {

struct stager_state {
  static inline const char* name = "stager";

  struct copy {
    gpu::ticket ticket = 0;
    chunk_ready chunk;
  };

  update_ptr context;
  std::uint32_t device = 0;
  conductor_actor conductor;
  broadcaster_actor broadcaster;
  chunk_source_actor reader;              ///< sends the chunks
  std::vector<std::uint32_t> chunks_left; ///< by bucket: not yet copied
  std::deque<chunk_ready> waiting;        ///< for a slot
  std::deque<copy> copying;               ///< in order of their tickets
  std::uint32_t acknowledged = 0;
  gpu::ticket completed = 0;
  bool ticking = false;
  bool failed = false;
};

/// Detached; end it with an exit message. The sender of a chunk_ready gets its slab_free.
stager_actor::behavior_type stager(stager_actor::stateful_pointer<stager_state> self, update_ptr context,
                                   std::uint32_t device, conductor_actor conductor,
                                   broadcaster_actor broadcaster);

} // namespace ckpt::actors
