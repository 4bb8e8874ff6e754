// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that gets this host's chunks from the memory of other hosts. A host that joins has it in the
// place of the disk reader.
//
//   wanted ──(a slab is free)──> asked for at the source that owes least ──> here ──(digest is right)──> stager
//      ^──────── the source is lost, refuses, is silent, or sends what it did not read ────┘
//
// A source that fails in any of these ways is not asked again; its chunks are taken from others that have
// them. When no source is left that has a chunk, it is read from this host's own files (own_files.hpp), and without
// those the update fails. Every chunk is compared with its digest, wherever it comes from. Scheduled, although it waits in UCX for a
// few milliseconds at a time: peer_source.hpp gives the reason. Bound on the chunks that are under way or
// wait for their copy: the slabs, or `unslabbed_max` where this host keeps the chunks.

#include "actors/cluster/attention.hpp"
#include "actors/peers/peer_interfaces.hpp"
#include "actors/update/chunk_source.hpp"
#include "gpu/fabric/fabric.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::actors {

/// A host that has accepted the secret and said what it has.
struct known_source {
  peer_source_actor actor;
  std::string name; ///< for messages
  std::vector<std::uint32_t> chunks;
  std::vector<std::uint64_t> digests; ///< of each of them
};

/// By chunk; nothing for those of which nobody told.
using chunk_digests = std::vector<std::optional<std::uint64_t>>;

/// Where the bytes of a version are, and what tells that they are right.
struct joined_weights {
  std::vector<known_source> sources;
  chunk_digests digests;                           ///< of all that this host takes
  std::shared_ptr<const io::checkpoint> own_files; ///< for what no source has; null: there are none
  std::shared_ptr<io::resident_chunks> kept;       ///< room for what stays here after the run; may be null
  std::string secret;
  gpu::fabric_options network;
};

/// The chunk_source of a version that lies in the memory of other hosts.
class peer_chunks final : public chunk_source {
public:
  explicit peer_chunks(joined_weights weights) : weights_{std::move(weights)} {}

  [[nodiscard]] chunk_source_actor spawn(caf::actor_system& system, const update_ptr& context,
                                         const conductor_actor& conductor,
                                         const std::vector<stager_actor>& stagers) const override;

  [[nodiscard]] const joined_weights& weights() const noexcept { return weights_; }

private:
  joined_weights weights_;
};

struct peer_reader_state {
  static inline const char* name = "peer_reader";

  struct request : gpu::fabric_transfer {
    std::uint32_t chunk = 0;
    std::optional<io::slab_index> slab; ///< none: the chunk goes where it is kept
    std::byte* data = nullptr;
    std::size_t link = 0;
  };

  /// The connection to one source.
  struct link {
    std::vector<bool> has;                          ///< by chunk
    std::unique_ptr<gpu::fabric_endpoint> endpoint; ///< null until it has answered
    std::size_t asked = 0;                          ///< chunks under way
    meter::clock::time_point heard;                 ///< a sign of life
    meter::clock::time_point arrived;               ///< its last bytes, or when it began to owe some
    std::string lost;                               ///< why it is not asked any more; empty while it is
  };

  update_ptr context;
  conductor_actor conductor;
  std::vector<stager_actor> stagers; ///< by device
  std::shared_ptr<const peer_chunks> source;
  own_files_actor own;  ///< null as long as nothing was read there
  std::string own_lost; ///< why the own files are not read any more; empty while they are
  std::map<std::uint32_t, std::unique_ptr<request>> own_reads; ///< by chunk
  // Declared before the fabric, which may still write to them: its destructor waits.
  std::map<gpu::fabric_transfer*, std::unique_ptr<request>> requests;
  std::unique_ptr<gpu::fabric> fabric;
  std::vector<link> links;           ///< by source
  std::vector<std::uint32_t> chunks; ///< this host's, in sequence
  std::size_t next = 0;              ///< into chunks
  std::deque<std::uint32_t> again;   ///< chunks whose source failed
  std::size_t unslabbed = 0;         ///< chunks under way, or waiting for their copy, where they are kept
  std::uint64_t next_tag = 0;
  attention looks;
  meter::clock::time_point last_look;
  bool ticking = false;
  bool failed = false;
};

/// Scheduled; end it with an exit message. `context->version->source` is `source`.
peer_reader_actor::behavior_type peer_reader(peer_reader_actor::stateful_pointer<peer_reader_state> self,
                                             update_ptr context, conductor_actor conductor,
                                             std::vector<stager_actor> stagers,
                                             std::shared_ptr<const peer_chunks> source);

} // namespace ckpt::actors
