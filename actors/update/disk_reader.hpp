// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that reads. Detached: it waits for completions on its own thread, for a few milliseconds at a
// time. Bound: no more chunks are read and not yet copied than there are slabs, or mapped_chunks_max for
// files in memory.
//
// A file is compared with what it was when it was opened as soon as its last byte has been copied, and all of
// them once more before anybody is told that the workers have taken everything.

#include "actors/update/interfaces.hpp"
#include "actors/update/update.hpp"
#include "io/read/chunk_reader.hpp"
#include "io/read/source_file.hpp"

#include <map>
#include <memory>
#include <vector>

namespace ckpt::actors {

struct disk_reader_state {
  static inline const char* name = "disk_reader";

  update_ptr context;
  conductor_actor conductor;
  std::vector<stager_actor> stagers; ///< by device
  std::unique_ptr<io::chunk_reader> reader;
  std::vector<std::uint32_t> chunks; ///< this host's, in sequence
  std::size_t next = 0;              ///< into chunks
  std::vector<std::uint32_t> chunks_left_by_file;
  std::map<std::uint32_t, io::slab_index> reading; ///< slab by chunk
  std::uint32_t slabs_taken = 0;
  bool is_cached = false; ///< the chunk that came last was in the page cache
  std::uint32_t mapped_chunks = 0;
  std::size_t pinned_end = 0; ///< into chunks: files in memory are known to the devices up to there
  meter::clock::time_point last_completion;
  bool ticking = false;
  bool failed = false;
};

/// Detached; end it with an exit message. `stagers` are one per device of this host.
disk_reader_actor::behavior_type disk_reader(disk_reader_actor::stateful_pointer<disk_reader_state> self,
                                             update_ptr context, conductor_actor conductor,
                                             std::vector<stager_actor> stagers);

} // namespace ckpt::actors
