// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that reads chunks from the files of a host that joins: those that no other host has, or has any
// longer. It compares nothing; the peer_reader compares every chunk with its digest.
//
//   peer_reader ──read_own──> own_files ──own_read──> peer_reader
//
// Detached: it waits for reads on its own thread, for a few milliseconds at a time. Bound on the chunks that
// wait or are being read: what the peer_reader asks for, at most own_reads_max. Once no read has come back
// for --timeout, or the reader itself has failed, nothing is read any more, and all that was asked for is
// answered. Opening a file has no time limit, as in the disk reader.

#include "actors/peers/peer_interfaces.hpp"
#include "actors/update/meter.hpp"
#include "actors/update/update.hpp"
#include "io/read/chunk_reader.hpp"
#include "io/read/resident_chunks.hpp"
#include "io/read/source_file.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ckpt::actors {

/// Reads that a peer_reader may ask for at a time.
inline constexpr std::size_t own_reads_max = 16;

struct own_files_state {
  static inline const char* name = "own_files";

  update_ptr context;
  std::shared_ptr<const io::checkpoint> files;
  std::shared_ptr<io::resident_chunks> kept; ///< where the reads may go; stays if one of them is stuck
  peer_reader_actor asker;
  std::map<std::uint32_t, std::unique_ptr<io::source_file>> open; ///< by file
  std::deque<read_own> waiting;
  std::map<std::uint32_t, read_own> reading; ///< by chunk
  std::string given_up;                      ///< why nothing is read any more; empty while something is
  std::unique_ptr<io::chunk_reader> reader;
  meter::clock::time_point last_completion;
  bool ticking = false;
};

/// Nothing is read from now on. The answers to all that was asked for: a read under way may still write to
/// its memory, one that has not begun does not.
[[nodiscard]] std::vector<own_read> give_up_reads(own_files_state& state, const std::string& why);

/// Detached; end it with an exit message. `kept` is null where chunks go to slabs.
own_files_actor::behavior_type own_files(own_files_actor::stateful_pointer<own_files_state> self,
                                         update_ptr context, std::shared_ptr<const io::checkpoint> files,
                                         std::shared_ptr<io::resident_chunks> kept);

} // namespace ckpt::actors
