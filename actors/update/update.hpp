// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The state of one run that its actors on this host share. It refers to longer-lived objects: the version of
// the weights, which is const, and the host's resources, which no other run uses meanwhile. Each member that
// is not const says which actor or thread uses it.

#include "actors/cluster_layout.hpp"
#include "actors/host/host_resources.hpp"
#include "actors/update/meter.hpp"
#include "actors/update/verdict.hpp"
#include "gpu/collective.hpp"
#include "gpu/device.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/engine/engine_api.hpp"
#include "io/engine/engine_checksums.hpp"
#include "io/http/http_call.hpp"
#include "io/plan/bucket_plan.hpp"
#include "io/read/resident_chunks.hpp"
#include "io/read/slab_pool.hpp"
#include "io/read/source_file.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::actors {

/// Whether engines have to report checksums of their weights afterwards.
enum class proof_demand : std::uint8_t {
  none,
  if_it_can, ///< checksums where it can report them, else a remark
  must,      ///< the same, but an engine that cannot is a failure
};

/// The validated options of the user.
struct update_options {
  std::string checkpoint_name; ///< for the log and the report
  io::engine_kind engine = io::engine_kind::sglang;
  std::vector<io::http_endpoint> endpoints; ///< one per engine that this host leads
  std::vector<std::uint32_t> spared;        ///< which of these have no part in the update
  std::string api_key;                      ///< empty: none is sent
  std::optional<std::string> weight_version;
  proof_demand prove = proof_demand::none;
  io::pause_mode pause = io::pause_mode::none;
  std::chrono::milliseconds timeout{300'000};   ///< the longest that any single wait may take
  std::chrono::milliseconds stay_time{300'000}; ///< with a server that has not answered a failed update
  std::uint32_t reads_in_flight_max = 32;
  std::uint64_t chunk_bytes = 4 << 20;          ///< of one read and one slab
  std::uint64_t host_memory_bytes = 1ull << 30; ///< staging memory, at most
};

/// The endpoints as the user wrote them.
[[nodiscard]] inline std::vector<std::string> endpoint_urls(const update_options& options) {
  std::vector<std::string> urls;
  for (const auto& endpoint : options.endpoints)
    urls.push_back(endpoint.url);
  return urls;
}

/// A file that is open.
struct open_file {
  std::unique_ptr<io::source_file> file;
  std::uint32_t chunks_left = 0; ///< still to be read and copied
  bool is_in_place = false;      ///< copied to the devices from where it is mapped
};

/// The meters of one device.
struct device_meters {
  meter copy;   ///< host memory to the device
  meter reload; ///< list sent to list acknowledged
  track steps;  ///< of its worker (worker_step)
};

/// What is recorded of one engine's server, by its notifier.
struct server_tracks {
  track steps; ///< server_step
  track pause; ///< from the request to the answer that it has ended
};

class chunk_source;

/// A version of the weights: the tables of its files, the plan, and where its bytes are.
struct weights_version {
  io::checkpoint checkpoint;
  io::bucket_plan plan;
  std::shared_ptr<const io::resident_chunks> resident = nullptr; ///< this host's share; null: not in memory
  std::shared_ptr<const chunk_source> source = nullptr;          ///< null: its files, or `resident`
  std::vector<std::uint32_t> hosts = {}; ///< of a resident node: those that the plan divides it among
  std::uint64_t edition = 0;             ///< of a resident node: differs for other content of the same name
};

using version_ptr = std::shared_ptr<const weights_version>;

struct update {
  /// The host's resources must have been prepared by begin_run(). Throws what the collective throws.
  update(update_options options, const cluster_layout& layout, version_ptr version,
         std::shared_ptr<host_resources> resources);

  /// An update that cannot be run: for the report of a host that cannot take part.
  update(update_options options, const cluster_layout& layout, version_ptr version);

  update(const update&) = delete;
  update& operator=(const update&) = delete;

  ~update() noexcept { release(); }

  /// Waits for copies under way, and gives the host's resources back for the next run. Call it when all parts
  /// of the run have ended; CAF may still hold references to the rest of this for a moment.
  void release() noexcept;

  update_options options;
  cluster_layout layout;
  version_ptr version;
  const io::checkpoint& checkpoint; ///< of the version
  const io::bucket_plan& plan;      ///< of the version
  std::shared_ptr<host_resources> resources;

  /// Device d has rank layout.ranks_of_host(layout.host).begin + d.
  const std::vector<std::unique_ptr<gpu::device>>& devices;

  /// The disk reader's. Not in its state, because a device may still copy from a mapped file when the disk
  /// reader is gone.
  std::map<std::uint32_t, open_file> files;
  io::slab_pool* slabs = nullptr;              ///< the chunk source's; stagers read the slabs they got
  std::unique_ptr<gpu::collective> collective; ///< the broadcaster's

  /// Of all devices of the engines that this host leads, by rank; set when all hosts have joined.
  std::vector<std::string> engine_uuids;
  std::vector<std::string> engine_endpoints; ///< of the engines that have workers here; likewise
  std::vector<std::uint32_t> spared;         ///< engines in the cluster that have no part in it; likewise

  startup_report startup; ///< written before the actors start

  /// On host 0: the checksums that every engine has to hold. Empty: engines are compared with one of them.
  std::optional<io::engine_checksums> expected_checksums;

  /// The checksums of each engine that this host leads; empty where it reports none. Written by its notifier;
  /// read by others once that has ended.
  std::vector<io::engine_checksums> checksums;

  bool is_released = false;                        ///< used by the thread that owns the run
  std::atomic<bool> is_running = false;            ///< all hosts are here and agree; the node's
  meter disk_meter;                                ///< the chunk source's
  std::atomic<std::uint64_t> page_cache_bytes = 0; ///< of the bytes that the disk reader read
  std::atomic<std::uint64_t> in_place_bytes =
      0;                 ///< copied from where they were: kept versions; tmpfs on host devices
  meter broadcast_meter; ///< the broadcaster's
  std::vector<std::unique_ptr<device_meters>> device_meter_list; ///< by device
  std::vector<std::unique_ptr<server_tracks>> server_track_list; ///< by engine that this host leads
  track::clock::time_point started; ///< all hosts were told to start; written before the actors start
  std::atomic<std::uint64_t> acknowledged_bytes = 0; ///< by the slowest worker; the conductor's
  std::atomic<const char*> reader_engine = "none";   ///< io_uring, threads or peers

  [[nodiscard]] std::uint32_t rank_of(std::uint32_t device) const {
    return layout.ranks_of_host(layout.host).begin + device;
  }
  /// The engine, in the cluster, that has its worker on `device` of this host.
  [[nodiscard]] std::uint32_t engine_of(std::uint32_t device) const {
    return layout.engine_of_rank(rank_of(device));
  }
  /// True when this engine, counted in the cluster, is asked for nothing.
  [[nodiscard]] bool is_spared(std::uint32_t engine) const {
    return std::ranges::find(spared, engine) != spared.end();
  }
  [[nodiscard]] std::uint32_t bucket_count() const { return static_cast<std::uint32_t>(plan.buckets.size()); }
  /// True when this host reads `bucket`.
  [[nodiscard]] bool is_owned_here(std::uint32_t bucket) const {
    return layout.ranks_of_host(layout.host).contains(plan.buckets[bucket].owner);
  }

  /// "engine http://…", for messages.
  [[nodiscard]] std::string engine_name(std::uint32_t engine) const {
    const auto here = layout.engines_on_host(layout.host);
    return "engine "
           + (here.contains(engine) && engine - here.begin < engine_endpoints.size()
                  ? engine_endpoints[engine - here.begin]
                  : std::to_string(engine));
  }
  /// "worker 1 of engine http://…", for messages.
  [[nodiscard]] std::string worker_name(std::uint32_t device) const {
    return "worker " + std::to_string(rank_of(device) % layout.devices_per_engine) + " ("
           + devices[device]->uuid() + ") of " + engine_name(engine_of(device));
  }

  /// True when `bucket` may be written to the rings of this host, given that all its workers have
  /// acknowledged the first `acknowledged_count` buckets.
  [[nodiscard]] bool slot_is_free(std::uint32_t bucket, std::uint32_t acknowledged_count) const {
    const auto& waits_for = plan.buckets[bucket].waits_for;
    return !waits_for || acknowledged_count > *waits_for;
  }
};

using update_ptr = std::shared_ptr<update>;

/// How many slabs of `chunk_bytes` an update takes: what the memory allows, at most one per chunk that is
/// read here.
[[nodiscard]] std::uint32_t slab_count(std::uint64_t host_memory_bytes, const io::bucket_plan& plan,
                                       std::uint64_t chunk_bytes, const cluster_layout& layout);

} // namespace ckpt::actors
