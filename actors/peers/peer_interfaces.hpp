// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The messages between a host that keeps a version of the weights in memory, and a host that joins and takes
// the weights from there. There is one peer_source on each host that has a share, and one peer_reader on each
// that joins:
//
//   joining host                              peer_source
//     │ peer_hello ──────────────────────────> │   does it know the secret?
//     │ <───────────────────────── peer_share  │   tables, if asked for; the chunks that it has, and their digests
//   peer_reader                                │
//     │ peer_line ───────────────────────────> │   the joining host's data address
//     │ <────────────────────────── peer_line  │   the source's
//     │ chunks_wanted ───────────────────────> │   by number, each with the tag under which it is expected
//     │ <══════════════ bytes, over UCX ══════ │
//     │ <────────────────────── chunk_refused  │   instead of bytes
//     │ <─────────────────────── source_alive  │   twice a second: the heartbeat
//
// Several hosts that join at once take chunks from each other, too. A source introduces those that are
// connected to it and take the same share: hosts of one cluster that joins have nothing to give to each
// other. It passes on what they say to each other; the bytes go straight from one to the other:
//
//   peer_reader A              peer_source              peer_reader B
//     │ <──────── fellow B ─────── │ ────── fellow A ────────> │
//     │ fellow_talk: here 7, 9 ──> │ ────────────────────────> │
//     │ <───────────────────────── │ <── fellow_talk: wants 7  │
//     │ ═════════════════════ bytes, over UCX ══════════════>  │   compared with the digest that a source told
//     │ <────── fellow_gone B ──── │                           │   the connection to B has ended
//
// What no source has, or has any longer, comes from the joining host's own files if it has them (own_files).
//
// Both sides compute the plan from the same tables and sizes, so a chunk has the same number on both.

#include "actors/error.hpp"
#include "actors/update/interfaces.hpp"
#include "io/checkpoint/checkpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

namespace ckpt::actors {

/// A file of the checkpoint that a version was read from.
struct table_file {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t data_offset = 0;
};

/// Everything from which a plan is computed, except the number of ranks.
struct weights_table {
  std::string checkpoint_path; ///< where the source read it, for messages
  std::vector<table_file> files;
  std::vector<io::checkpoint_tensor> tensors;
  std::uint64_t tensor_bytes = 0;
  std::uint64_t bucket_bytes = 0;
  std::uint64_t chunk_bytes = 0;
  std::vector<std::string> keep_together;
};

struct peer_hello {
  std::uint32_t protocol = 0; ///< protocol_version of the joining host
  std::string secret;
  std::string name; ///< of the joining host, for messages
  bool wants_table = false;
};

struct peer_share {
  cause failed; ///< set: the rest is empty
  std::string name;
  std::uint64_t tables_digest = 0;    ///< io::digest_of_tables()
  weights_table table;                ///< empty unless it was asked for
  std::vector<std::uint32_t> chunks;  ///< that the source has in memory
  std::vector<std::uint64_t> digests; ///< io::chunk_digest() of each of them
};

/// The data address of one side, for the other.
struct peer_line {
  std::string secret;       ///< empty in the answer
  std::string data_address; ///< gpu::fabric::address()
  cause failed;
  // Of the joining host, for others that join.
  std::uint64_t id = 0;           ///< random, the same for all sources; 0: it takes part in no exchange
  std::string name;               ///< for messages
  std::string exchange_address;   ///< of a fabric that sources have nothing to do with; empty: no exchange
  std::uint64_t share_digest = 0; ///< io::digest_of_share() of what it takes
};

/// A source keeps these for each host that joins, and passes them on: longer ones are refused.
inline constexpr std::size_t peer_name_bytes_max = 512;
inline constexpr std::size_t peer_address_bytes_max = 64 << 10;

struct wanted_chunk {
  std::uint32_t chunk = 0;
  std::uint64_t tag = 0;
};

struct chunks_wanted {
  std::vector<wanted_chunk> chunks;
};

struct chunk_refused {
  std::uint32_t chunk = 0;
  std::string why;
};

/// Another host that joins.
struct fellow {
  std::uint64_t id = 0;
  std::string name;
  std::string exchange_address;
};

struct fellow_gone {
  std::uint64_t id = 0;
};

/// From one joining host to another, by way of a source.
struct fellow_talk {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::vector<std::uint32_t> here;   ///< chunks that it can give from now on
  std::vector<std::uint32_t> gone;   ///< chunks that it cannot give any more
  std::vector<wanted_chunk> wanted;  ///< that it asks for
  std::vector<wanted_chunk> refused; ///< that it was asked for and does not give
  bool is_over = false;              ///< it gives nothing any more, and asks for nothing
};

/// Read this chunk from this host's own files.
struct read_own {
  std::uint32_t chunk = 0;
  std::byte* destination = nullptr; ///< room for its window
};

/// It has been read, but not compared with its digest.
struct own_read {
  std::uint32_t chunk = 0;
  std::string why_not;   ///< names the file; empty when it has been read
  bool is_stuck = false; ///< with why_not: the read may still write to the destination
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, table_file& x) {
  return f(caf::meta::type_name("table_file"), x.name, x.bytes, x.data_offset);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, weights_table& x) {
  return f(caf::meta::type_name("weights_table"), x.checkpoint_path, x.files, x.tensors, x.tensor_bytes,
           x.bucket_bytes, x.chunk_bytes, x.keep_together);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, peer_hello& x) {
  return f(caf::meta::type_name("peer_hello"), x.protocol, x.secret, x.name, x.wants_table);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, peer_share& x) {
  return f(caf::meta::type_name("peer_share"), x.failed, x.name, x.tables_digest, x.table, x.chunks,
           x.digests);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, peer_line& x) {
  return f(caf::meta::type_name("peer_line"), x.secret, x.data_address, x.failed, x.id, x.name,
           x.exchange_address, x.share_digest);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wanted_chunk& x) {
  return f(caf::meta::type_name("wanted_chunk"), x.chunk, x.tag);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, chunks_wanted& x) {
  return f(caf::meta::type_name("chunks_wanted"), x.chunks);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, chunk_refused& x) {
  return f(caf::meta::type_name("chunk_refused"), x.chunk, x.why);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fellow& x) {
  return f(caf::meta::type_name("fellow"), x.id, x.name, x.exchange_address);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fellow_gone& x) {
  return f(caf::meta::type_name("fellow_gone"), x.id);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fellow_talk& x) {
  return f(caf::meta::type_name("fellow_talk"), x.from, x.to, x.here, x.gone, x.wanted, x.refused, x.is_over);
}

} // namespace ckpt::actors

namespace ckpt::io {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, extent& x) {
  return f(caf::meta::type_name("extent"), x.offset, x.length);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, checkpoint_tensor& x) {
  return f(caf::meta::type_name("checkpoint_tensor"), x.name, x.type, x.shape, x.file, x.bytes);
}

} // namespace ckpt::io

CAF_BEGIN_TYPE_ID_BLOCK(ckpt_peers, first_custom_type_id + 200)
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::peer_hello))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::peer_share))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::peer_line))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::chunks_wanted))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::chunk_refused))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::fellow))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::fellow_gone))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::fellow_talk))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::read_own))
CAF_ADD_TYPE_ID(ckpt_peers, (ckpt::actors::own_read))
CAF_ADD_ATOM(ckpt_peers, ckpt::actors, source_alive_atom, "srcalive")
CAF_END_TYPE_ID_BLOCK(ckpt_peers)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::read_own)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ckpt::actors::own_read)

namespace ckpt::actors {

/// Keeps this host's share of a version in memory, and sends chunks of it to hosts that know the secret.
using peer_source_actor = caf::typed_actor<
    // From hosts that join.
    replies_to<peer_hello>::with<peer_share>, replies_to<peer_line>::with<peer_line>,
    reacts_to<chunks_wanted>,
    // From one of them to another: passed on.
    reacts_to<fellow_talk>,
    // To itself, while somebody is connected.
    reacts_to<tick_atom>>;

/// Gets this host's share of the buckets from the memory of other hosts: a chunk_source_actor.
using peer_reader_actor = chunk_source_actor::extend<reacts_to<chunk_refused>,
                                                     // A source's heartbeat.
                                                     reacts_to<source_alive_atom>,
                                                     // From a source, about other hosts that join.
                                                     reacts_to<fellow>, reacts_to<fellow_gone>,
                                                     // From one of those, by way of a source.
                                                     reacts_to<fellow_talk>,
                                                     // From own_files.
                                                     reacts_to<own_read>>;

/// Reads chunks from this host's own files, where it has some.
using own_files_actor = caf::typed_actor<
    // From the peer_reader, which gets an own_read.
    reacts_to<read_own>,
    // To itself, while reads are under way.
    reacts_to<tick_atom>>;

} // namespace ckpt::actors
