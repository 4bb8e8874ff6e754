// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How an update ended, engine by engine, and its two forms for the user: a few lines and a JSON file.

#include "actors/cluster_layout.hpp"
#include "actors/error.hpp"
#include "io/engine/engine_checksums.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::actors {

/// What an engine serves after the update.
enum class served_weights : std::uint8_t {
  unchanged, ///< nothing was handed to it: what it had before
  mixed,     ///< some tensors are new, some old: not fit for use until an update succeeds
  updated,   ///< every worker took every tensor, and the server confirmed
  unknown,   ///< nobody can tell: a host of it was lost, or nothing confirms that what it took is in place
};

[[nodiscard]] const char* name(served_weights state) noexcept;

/// What workers are told of an update that ends early; their servers often say it back.
inline constexpr std::string_view abort_words = "ckpt-actor gave up this weight update: ";

/// How far it is proved that an engine serves what it was sent.
struct engine_proof {
  io::engine_digest digest;     ///< of what it says that it holds; empty when it was not asked or cannot tell
  std::string failed;           ///< why it is not proved although that was asked for; else empty
  bool differs = false;         ///< because it holds something else
  std::uint64_t parameters = 0; ///< of all its workers
  double seconds = 0;           ///< that it needed to answer
};

/// What the server of an engine did and said besides taking weights.
struct engine_account {
  std::string said;                 ///< its last word after an abort
  std::string pause;                ///< how its requests were stopped meanwhile; empty: they were not
  double pause_seconds = 0;         ///< from asking for the pause to the answer that it is over
  std::vector<std::string> remarks; ///< for the user
  std::string version_before;       ///< empty where it tells none
  std::string version_after;        ///< when it was asked for it after a failure
  bool is_unanswered = false;       ///< its update request was left with it
  bool has_no_weights = false;      ///< it was put to sleep, which lost them
  engine_proof proof;
};

/// What one host knows of an engine that has workers on it.
struct engine_share {
  std::uint32_t engine = 0; ///< in the cluster
  std::string endpoint;     ///< empty when another host leads it
  bool listed = false;      ///< some worker here was sent tensors: its weights may have changed
  bool finished = false;    ///< every worker here has let go of the ring and run its post hook
  bool answered = false;    ///< the server said that its update succeeded
  bool closed = false;      ///< version confirmed and inference brought back
  engine_account account;   ///< of the host that leads it
  std::uint64_t bytes = 0;  ///< acknowledged by all workers here
  double seconds = 0;       ///< from the start of the update to this engine's end
};

/// One stage's own work, whatever it waited for.
struct stage_report {
  std::string stage;
  std::uint64_t bytes = 0;
  double busy_seconds = 0;
};

/// What a host needed before it could begin, when nothing could go on beside it.
struct startup_report {
  double devices_seconds = 0; ///< to open them: with GPUs, drivers and contexts
  double memory_seconds = 0;  ///< to make staging memory known to them, and their rings
};

/// How the update ended on one host. Travels between hosts.
struct host_verdict {
  std::uint32_t host = 0;
  std::string name;
  cause first_cause; ///< the first thing that this host saw fail, if anything did
  std::vector<engine_share> engines;
  std::vector<stage_report> stages;
  startup_report startup; ///< not counted in `seconds`
  double seconds = 0;
  double connect_seconds = 0; ///< until the hosts, or the GPUs, were connected, beside everything else
  double ready_seconds = 0;   ///< until every engine was ready and its workers here had opened the ring
  std::uint64_t from_page_cache_bytes = 0;
  std::uint64_t in_place_bytes = 0;
  std::string reader_engine = "none"; ///< what read: io_uring or threads
  bool parts_left = false; ///< something did not end in time: only the end of the process gets rid of it
};

struct engine_verdict {
  std::string endpoint;
  served_weights serves = served_weights::unchanged;
  std::string why; ///< empty when updated
  std::optional<std::string> version;
  std::uint64_t bytes = 0; ///< acknowledged by all its workers
  double seconds = 0;      ///< from the start of the update to this engine's end
  std::string detail{};    ///< what a worker of it said of a failure, in full
  engine_account account{};
};

struct update_verdict {
  cause first_cause; ///< ec::none when all engines are updated
  std::vector<engine_verdict> engines;
  std::vector<host_verdict> hosts; ///< all on host 0, elsewhere only this one
  bool parts_left = false;
  double seconds = 0;
  double ready_seconds = 0;
};

/// What a host says that ended before anything was handed to its engines. `endpoints` are those of the
/// engines that it leads.
[[nodiscard]] host_verdict untouched(const cause& why, const cluster_layout& layout,
                                     const std::vector<std::string>& endpoints);

/// The verdict on the whole update from what the hosts say. Engines led by hosts of which nothing is known
/// are left out, unless `hosts` should hold every host (on host 0).
[[nodiscard]] update_verdict conclude(const cause& first_cause, std::vector<host_verdict> hosts,
                                      const cluster_layout& layout,
                                      const std::optional<std::string>& weight_version);

/// The stages of all hosts together: bytes of all, busy seconds of the busiest.
[[nodiscard]] std::vector<stage_report> merge_stages(const std::vector<host_verdict>& hosts);

/// "12.3 GiB".
[[nodiscard]] std::string describe_bytes(std::uint64_t bytes);

} // namespace ckpt::actors
