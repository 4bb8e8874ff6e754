// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How an update ended, engine by engine, and its two forms for the user: a few lines and a JSON file.

#include "actors/cluster_layout.hpp"
#include "actors/error.hpp"
#include "actors/update/track.hpp"
#include "io/engine/engine_checksums.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::actors {

/// The weights that an engine serves after the update.
enum class served_weights : std::uint8_t {
  unchanged, ///< it was sent nothing: it serves what it had before
  mixed,     ///< some tensors are new, some old: not fit for use until an update succeeds
  updated,   ///< every worker took every tensor, and the server confirmed
  unknown,   ///< nothing confirms its weights: a host was lost, checksums differ, or it sleeps without any
};

[[nodiscard]] const char* name(served_weights state) noexcept;

/// The beginning of the abort message to workers; servers often repeat it.
inline constexpr std::string_view abort_words = "ckpt-actor gave up this weight update: ";

/// Whether it is proved that an engine serves what it was sent.
struct engine_proof {
  io::engine_digest digest;     ///< of its checksums; empty when it was not asked or reports none
  std::string failed;           ///< why the proof failed; empty when it did not, or none was asked for
  bool differs = false;         ///< the proof failed because checksums differ, its own or those of another
  std::uint64_t parameters = 0; ///< of all its workers
  double seconds = 0;           ///< it needed to answer
};

/// Other facts of an engine in the update: its server's answers, its pause and its proof.
struct engine_account {
  std::string said;                 ///< its answer to an update that failed
  std::string pause;                ///< how its requests were stopped meanwhile; empty: they were not
  double pause_seconds = 0;         ///< from the pause request to the answer that it has ended
  std::vector<std::string> remarks; ///< for the user
  std::string version_before;       ///< empty where it reports none
  std::string version_after;        ///< if it was asked after a failure
  bool is_unanswered = false;       ///< it never answered its update request
  bool has_no_weights = false;      ///< it was put to sleep and lost them, or may have lost them
  engine_proof proof;
};

/// One host's account of an engine that has workers on it.
struct engine_share {
  std::uint32_t engine = 0; ///< in the cluster
  std::string endpoint;     ///< empty when another host leads it
  bool is_spared = false;   ///< it has no part in the update: nobody asked it for anything
  bool listed = false;      ///< some worker here was sent tensors: its weights may have changed
  bool finished = false;    ///< every worker here has let go of the ring and run its post hook
  bool answered = false;    ///< the server said that its update succeeded
  bool closed = false;      ///< the version is confirmed, and it generates again
  engine_account account;   ///< of the host that leads it
  std::uint64_t bytes = 0;  ///< acknowledged by all workers here
  double seconds = 0;       ///< from the start of the update to this engine's end
};

/// The work of one stage; time in which it waited for others is not counted.
struct stage_report {
  std::string stage;
  std::uint64_t bytes = 0;
  double busy_seconds = 0;
};

/// One line of a trace: what a disk, a device, the broadcast, a worker or a server did, and when.
struct track_report {
  /// What the numbers of its spans mean: buckets, but worker_steps, server_steps, and one pause.
  enum class kind : std::uint8_t { pause, server, disk, copy, broadcast, worker, worker_steps };

  kind of = kind::disk;
  std::string name; ///< a worker's buckets and steps have the same
  std::vector<span> spans;
};

/// The steps of a worker beside the buckets.
enum class worker_step : std::uint8_t { open, let_go, hook, count };

/// The steps of a server; `update` is the request that starts its workers.
enum class server_step : std::uint8_t { get_ready, drain, stop_requests, update, close, prove, count };

/// Start-up time of a host, before anything else could run beside it.
struct startup_report {
  double devices_seconds = 0; ///< to open them: with GPUs, drivers and contexts
  double memory_seconds = 0;  ///< to pin staging memory for them, and to make their rings
};

/// The address at which a host offers its share of the weights to hosts that join.
struct peer_offer {
  std::string address; ///< empty: it offers nothing
  std::uint16_t port = 0;
  std::uint64_t tables_digest = 0;
  std::uint64_t share_digest = 0;
};

/// How the update ended on one host. Travels between hosts.
struct host_verdict {
  std::uint32_t host = 0;
  std::string name;
  cause first_cause; ///< the first thing that this host saw fail, if anything did
  std::vector<engine_share> engines;
  std::vector<stage_report> stages;
  std::vector<track_report> tracks; ///< where the run is recorded; for host 0
  startup_report startup;           ///< not counted in `seconds`
  double seconds = 0;
  double connect_seconds = 0; ///< until hosts, or GPUs, were connected; overlaps the rest
  double ready_seconds = 0;   ///< until every engine was ready and its workers here had opened the ring
  std::uint64_t from_page_cache_bytes = 0;
  std::uint64_t in_place_bytes = 0;
  std::string reader_engine = "none"; ///< io_uring, threads or peers
  peer_offer offer;
  bool parts_left = false; ///< something did not end in time: only the end of the process gets rid of it
};

struct engine_verdict {
  std::string endpoint;
  served_weights serves = served_weights::unchanged;
  std::string why; ///< empty when updated, or spared
  std::optional<std::string> version;
  std::uint64_t bytes = 0; ///< acknowledged by all its workers
  double seconds = 0;      ///< from the start of the update to this engine's end
  std::string detail{};    ///< the error text of one of its workers, in full
  engine_account account{};
  bool is_spared = false; ///< it had no part in the update
};

struct update_verdict {
  cause first_cause; ///< ec::none when all engines are updated
  std::vector<engine_verdict> engines;
  std::vector<host_verdict> hosts; ///< all on host 0, elsewhere only this one
  bool parts_left = false;
  double seconds = 0;
  double ready_seconds = 0;
};

/// The verdict of a host whose update ended before its engines were sent anything. `endpoints` are those of
/// the engines that it leads.
[[nodiscard]] host_verdict untouched(const cause& why, const cluster_layout& layout,
                                     const std::vector<std::string>& endpoints);

/// The verdict on the whole update, from those of the hosts. Host 0 judges all engines, another host only
/// those that it leads.
[[nodiscard]] update_verdict conclude(const cause& first_cause, std::vector<host_verdict> hosts,
                                      const cluster_layout& layout,
                                      const std::optional<std::string>& weight_version);

/// The stages of all hosts together: bytes of all, busy seconds of the busiest.
[[nodiscard]] std::vector<stage_report> merge_stages(const std::vector<host_verdict>& hosts);

/// "12.3 GiB".
[[nodiscard]] std::string describe_bytes(std::uint64_t bytes);

} // namespace ckpt::actors
