// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor that offers this host's share of a version to hosts that join. It copies nothing: UCX sends from
// where the version lies. The version stays in memory as long as this actor lives: no freed bytes are sent.
//
// It also introduces the hosts that join to each other, and passes on what they say to each other. Hosts that
// take different shares have nothing to give to each other, and stay strangers.
//
// A host that does not know the secret gets nothing but an error. The actor waits in UCX for a millisecond at
// a time, and is scheduled all the same: at its end CAF waits for the last reference to a detached actor,
// and other hosts may hold one for a while. Bounds: `readers_max` connections, and `wanted_max` chunks that
// one of them waits for; what one of them says to another has at most as many numbers of each kind as there
// are chunks.

#include "actors/peers/fellowship.hpp"
#include "actors/peers/peer_interfaces.hpp"
#include "actors/peers/send_pace.hpp"
#include "actors/update/meter.hpp"
#include "actors/update/update.hpp"
#include "gpu/fabric/fabric.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_addr.hpp>

namespace ckpt::actors {

/// The secret of an offer. Set once all hosts of the update have agreed, by another thread than the source's.
class peer_secret {
public:
  void set(std::string secret) {
    const std::lock_guard lock{mutex_};
    secret_ = std::move(secret);
  }
  [[nodiscard]] std::string get() const {
    const std::lock_guard lock{mutex_};
    return secret_;
  }
  /// Takes the same time for every text of the right length, so timing tells nothing about the secret.
  [[nodiscard]] bool is(std::string_view text) const;

  /// Ends the offer. Before, its actor ignores exit messages, because any connected host could send one.
  void withdraw() noexcept { is_withdrawn_ = true; }
  [[nodiscard]] bool is_withdrawn() const noexcept { return is_withdrawn_; }

private:
  std::atomic<bool> is_withdrawn_ = false;
  mutable std::mutex mutex_;
  std::string secret_; ///< empty: not set yet, and equal to no text
};

struct peer_source_options {
  version_ptr version; ///< with its `resident`
  peer_share share;    ///< share_of() it
  std::shared_ptr<const peer_secret> secret;
  std::uint64_t chunk_bytes = 0;          ///< with which the version was planned
  std::vector<std::string> keep_together; ///< likewise
  gpu::fabric_options network;
  std::uint64_t bytes_per_second_max = 0; ///< to all readers together; 0: no limit
};

struct peer_source_state {
  static inline const char* name = "peer_source";

  struct sending : gpu::fabric_transfer {
    std::uint32_t chunk = 0;
    caf::actor_addr reader;
  };

  struct reader {
    caf::strong_actor_ptr actor;
    std::unique_ptr<gpu::fabric_endpoint> endpoint;
    std::deque<wanted_chunk> wanted;
    fellow described;               ///< for other readers
    std::uint64_t share_digest = 0; ///< of what it takes
  };

  peer_source_options options;
  // Declared before the fabric, which may still write to them: its destructor waits.
  std::map<gpu::fabric_transfer*, std::unique_ptr<sending>> under_way;
  std::unique_ptr<gpu::fabric> fabric; ///< null while nobody is connected
  std::map<caf::actor_addr, reader> readers;
  caf::actor_addr served_last; ///< the reader that was sent the last chunk
  send_pace pace;
  std::map<std::uint64_t, fellowship> fellowships; ///< by share_digest
  std::map<std::uint64_t, caf::strong_actor_ptr> reader_by_id;
  meter::clock::time_point told_alive;
  bool ticking = false;
};

/// The tables from which `checkpoint` is planned with these sizes.
[[nodiscard]] weights_table table_of(const io::checkpoint& checkpoint, std::uint64_t bucket_bytes,
                                     std::uint64_t chunk_bytes, std::vector<std::string> keep_together);

/// The share of `version` that the host of `layout` has, without the table. Needs its `resident`.
[[nodiscard]] peer_share share_of(const weights_version& version, const cluster_layout& layout,
                                  std::string name);

/// Scheduled; end it with an exit message, once the secret is withdrawn.
peer_source_actor::behavior_type peer_source(peer_source_actor::stateful_pointer<peer_source_state> self,
                                             peer_source_options options);

} // namespace ckpt::actors
