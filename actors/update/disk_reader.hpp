// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that reads the checkpoint. Detached: it waits for completions on its own thread, for a few
// milliseconds at a time. Bound on the chunks that are read and not yet copied: the number of slabs, or
// mapped_chunks_max for chunks that are in memory already.
//
// A file's stamp is compared with that of its opening once its last byte has been copied. All files are
// compared once more before anybody is told that the workers have taken everything.

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
  bool is_cached = false; ///< the last completed chunk was in the page cache
  std::uint32_t mapped_chunks = 0;
  meter::clock::time_point last_completion;
  bool ticking = false;
  bool failed = false;
};

/// Detached; end it with an exit message. `stagers` are one per device of this host.
chunk_source_actor::behavior_type disk_reader(chunk_source_actor::stateful_pointer<disk_reader_state> self,
                                              update_ptr context, conductor_actor conductor,
                                              std::vector<stager_actor> stagers);

} // namespace ckpt::actors
