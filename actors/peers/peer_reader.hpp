// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that gets this host's chunks from the memory of other hosts. A host that joins has it in the
// place of the disk reader.
//
//   wanted ──(a slab is free)──> asked ──> here ──(digest is right)──> stager ──> copied
//      ^─────── the other side is lost, refuses, is silent, or sends wrong bytes ──┘
//
//   chunks  | copied … copied | here | asked | here | wanted | asked | wanted … wanted | wanted …
//                             ^ copied_end          ^ first_wanted                     ^ end of the window
//
// A chunk comes from a source, from a fellow (another host that joins and has it already: peer_exchange.hpp)
// or, when nobody is left who has it, from this host's own files (own_files.hpp). Without those the update
// fails then. Whoever fails in any of these ways is not asked again. Every chunk is compared with its digest,
// wherever it comes from, before it is copied or passed on.
//
// Without fellows, chunks are asked for in sequence. With fellows the rarest goes first, so that they have
// different ones to give: within a window that begins with the first chunk which is not copied. It is as long
// as there are slabs, so a slab is left for every chunk of it, and the first one cannot starve.
//
// Scheduled, although it waits in UCX for a few milliseconds at a time: peer_source.hpp gives the reason.
// Bound on the chunks that are under way or wait for their copy: the slabs, or `unslabbed_max` where this
// host keeps the chunks.

#include "actors/cluster/attention.hpp"
#include "actors/peers/peer_interfaces.hpp"
#include "actors/peers/send_pace.hpp"
#include "actors/update/chunk_source.hpp"
#include "gpu/fabric/fabric.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
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
  std::string name; ///< of this host, for messages of others
  gpu::fabric_options network;
  std::uint64_t bytes_per_second_max = 0; ///< that this host passes on to fellows; 0: no limit
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

  /// Of a chunk of the plan.
  enum class place : std::uint8_t { elsewhere, wanted, asked, here, copied };

  struct request : gpu::fabric_transfer {
    std::uint32_t chunk = 0;
    std::optional<io::slab_index> slab; ///< none: the chunk goes where it is kept
    std::byte* data = nullptr;
    std::size_t link = 0;
    std::uint64_t tag = 0;
    meter::clock::time_point since; ///< when it was asked for
    bool is_refused = false;        ///< by a fellow that does not have it any more
  };

  /// A chunk that fellows may have.
  struct holding {
    std::optional<io::slab_index> slab; ///< none: it is kept
    const std::byte* data = nullptr;
    unsigned sends = 0; ///< under way
  };

  /// A chunk on its way to a fellow.
  struct sending : gpu::fabric_transfer {
    std::uint32_t chunk = 0;
    std::size_t link = 0;
  };

  enum class link_kind : std::uint8_t { source, fellow };

  /// The connection to a source or a fellow.
  struct link {
    link_kind kind = link_kind::source;
    std::string name;          ///< for messages
    std::vector<bool> has;     ///< by chunk
    std::vector<bool> refused; ///< likewise: what it was asked for and did not give
    std::unique_ptr<gpu::fabric_endpoint>
        endpoint;                     ///< null: a source has not answered, or a fellow was not asked yet
    std::size_t asked = 0;            ///< chunks under way
    meter::clock::time_point heard;   ///< a sign of life
    meter::clock::time_point arrived; ///< its last bytes, or when it began to owe some
    std::string lost;                 ///< why it is not asked any more; empty while it is
    std::uint64_t next_tag = 0;       ///< from a random number on: others cannot guess tags of this link

    // Of fellows only.
    fellow who;
    std::vector<std::size_t> ways; ///< the sources that pass messages on
    bool is_told_all = false;      ///< it knows of what was here before it came
    bool is_no_stranger = false;   ///< a chunk has come from it or gone to it, or its end has another cause
    bool is_stranger = false;      ///< counted in `strangers`, because its connection ended
    std::deque<wanted_chunk> wanted;
    std::size_t sends = 0;         ///< under way to it
    meter::clock::time_point sent; ///< the last chunk that it got, or when the first began
  };

  struct bytes_by_origin {
    std::uint64_t sources = 0, fellows = 0, own = 0;
    std::uint64_t passed_on = 0; ///< to fellows
  };

  update_ptr context;
  conductor_actor conductor;
  std::vector<stager_actor> stagers; ///< by device
  std::shared_ptr<const peer_chunks> source;
  own_files_actor own;  ///< null as long as nothing was read there
  std::string own_lost; ///< why the own files are not read any more; empty while they are
  std::map<std::uint32_t, std::unique_ptr<request>> own_reads; ///< by chunk
  // Declared before the fabrics, which may still use them: their destructors wait.
  std::map<gpu::fabric_transfer*, std::unique_ptr<request>> requests;
  std::map<gpu::fabric_transfer*, std::unique_ptr<sending>> sends;
  std::unique_ptr<gpu::fabric> fabric;   ///< to sources
  std::unique_ptr<gpu::fabric> exchange; ///< to fellows; null: there is no exchange, or not any more
  std::vector<link> links;               ///< the sources, then fellows
  std::vector<std::uint32_t> chunks;     ///< this host's, in sequence
  std::vector<place> places;             ///< by chunk
  std::size_t missing = 0;               ///< how many of them are not here yet
  std::size_t copied_end = 0;            ///< into chunks: those before are copied
  std::size_t first_wanted = 0;          ///< into chunks: none before is wanted
  std::vector<std::uint16_t> at_sources, at_fellows; ///< by chunk: how many have it
  std::size_t unslabbed = 0; ///< chunks under way, or waiting for their copy, where they are kept
  std::optional<meter::clock::time_point>
      orphaned; ///< since when nobody has a chunk that fellows may still announce

  // What fellows are told and given.
  std::uint64_t id = 0; ///< this host's
  std::map<std::uint32_t, holding> held;
  std::deque<std::uint32_t>
      spare; ///< held chunks that are copied: their slabs may be taken, the oldest first
  std::vector<std::uint32_t> news_here, news_gone;
  meter::clock::time_point told;
  send_pace pace;
  unsigned strangers = 0; ///< fellows that could not be connected to, or whose connection was of no use
  std::mt19937_64 random;
  bytes_by_origin bytes;

  attention looks;
  meter::clock::time_point last_look;
  bool ticks_soon = false, ticks_later = false; ///< a tick is on its way
  bool failed = false;
};

/// Scheduled; end it with an exit message. `context->version->source` is `source`.
peer_reader_actor::behavior_type peer_reader(peer_reader_actor::stateful_pointer<peer_reader_state> self,
                                             update_ptr context, conductor_actor conductor,
                                             std::vector<stager_actor> stagers,
                                             std::shared_ptr<const peer_chunks> source);

} // namespace ckpt::actors
