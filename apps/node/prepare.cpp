// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/prepare.hpp"

#include "actors/cluster/gate.hpp"
#include "actors/update/chunk_source.hpp"
#include "actors/update/meter.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/accelerators.hpp"
#include "apps/node/dry_run.hpp"
#include "apps/node/earlier_report.hpp"
#include "apps/node/resources.hpp"
#include "io/engine/engine_checksums.hpp"
#include "io/error.hpp"
#include "io/read/content_sample.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <iostream>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;
using actors::cause;
using actors::ec;

/// Ends a run before the actors start; carries why.
class early_end : public std::exception {
public:
  explicit early_end(cause why) : why_{std::move(why)} {}
  [[nodiscard]] const char* what() const noexcept override { return why_.what.c_str(); }
  [[nodiscard]] const cause& why() const noexcept { return why_; }

private:
  cause why_;
};

/// Runs `work`. An exception ends the run, with code `otherwise` unless the exception has a better one.
template <class Function>
auto step(ec otherwise, Function work) {
  try {
    return work();
  } catch (const early_end&) {
    throw;
  } catch (const std::exception& error) {
    throw early_end{actors::to_cause(error, otherwise)};
  }
}

[[nodiscard]] std::vector<io::update_lock> lock_engines(const node_options& options) {
  std::vector<io::update_lock> locks;
  for (std::uint32_t engine = 0; engine < options.update.endpoints.size(); ++engine) {
    if (std::ranges::find(options.update.spared, engine) != options.update.spared.end())
      continue;
    const auto& endpoint = options.update.endpoints[engine];
    try {
      const auto& lock = locks.emplace_back(endpoint);
      if (!lock.stranger().empty())
        spdlog::warn("engine {}: {} holds the name that keeps updates apart; going on without it",
                     endpoint.url, lock.stranger());
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::address_in_use)
        throw early_end{{ec::engine_failed, "engine " + endpoint.url
                                                + " is being updated by another process on this host; "
                                                  "wait for it or end it"}};
      throw early_end{actors::to_cause(error)};
    }
  }
  return locks;
}

/// Samples the files' content, which hosts compare, while devices are opened. Does nothing on one host. Throws early_end.
[[nodiscard]] std::future<std::vector<std::uint64_t>> begin_sampling(const node_options& options,
                                                                     const io::checkpoint& checkpoint) {
  if (options.layout.hosts == 1)
    return {};
  return step(ec::unspecified, [&] { // For lack of a thread, say.
    return std::async(std::launch::async, [files = checkpoint.files, timeout = options.update.timeout] {
      return io::sample_content(files, timeout);
    });
  });
}

/// Waits for the samples. Throws early_end.
void take_samples(std::future<std::vector<std::uint64_t>> content, io::checkpoint& checkpoint) {
  if (!content.valid())
    return;
  const auto digests = step(ec::checkpoint_invalid, [&] { return content.get(); });
  for (std::size_t file = 0; file < digests.size(); ++file)
    checkpoint.files[file].content_digest = digests[file];
}

/// The memory of a run beside rings and staging memory.
constexpr std::uint64_t memory_of_all = 64 << 20;

[[nodiscard]] needed_resources needs_of(const node_options& options, const io::checkpoint& checkpoint,
                                        const io::bucket_plan& plan) {
  // Counted in the running program; a few too many do no harm.
  constexpr std::uint64_t threads_of_all = 19, threads_of_device = 3;
  constexpr std::uint64_t descriptors_of_all = 40, descriptors_of_file = 3, descriptors_of_device = 6;
  const std::uint64_t devices = options.layout.devices_per_host;
  needed_resources needs;
  needs.threads = threads_of_all + threads_of_device * devices + options.update.endpoints.size();
  needs.descriptors =
      descriptors_of_all + descriptors_of_file * checkpoint.files.size() + descriptors_of_device * devices;
  needs.memory_bytes =
      memory_of_all
      + actors::slab_count(options.update.host_memory_bytes, plan, options.update.chunk_bytes, options.layout)
            * options.update.chunk_bytes;
  if (options.layout.hosts > 1 || options.peers.is_used()) {
    needs.threads += 2; // for connections, and for the resolver
    needs.descriptors += 8;
  }
  if (options.layout.hosts > 1 && options.layout.host == 0) { // The others connect to it: see network_thread.
    needs.descriptors +=
        actors::gate_for_hosts(options.layout.hosts).strangers_max + 3 * options.layout.hosts;
    needs.memory_bytes += (128u << 10) * std::uint64_t{options.layout.hosts};
  }
  if (options.peers.save_metas_file && !options.service) // A resident node has them in memory already.
    for (const auto chunk : actors::owned_chunks(options.layout, plan))
      needs.memory_bytes += plan.chunks[chunk].window.length;
  if (options.device == device_kind::host)
    needs.memory_bytes += plan.ring_bytes * devices;
  return needs;
}

/// The time since the last call of seconds().
class stopwatch {
public:
  [[nodiscard]] double seconds() {
    const auto before = std::exchange(last_, actors::meter::clock::now());
    return std::chrono::duration<double>{last_ - before}.count();
  }

private:
  actors::meter::clock::time_point last_ = actors::meter::clock::now();
};

/// Reads the headers, and plans the order in which the tensors travel. Throws early_end.
[[nodiscard]] actors::weights_version read_headers(const node_options& options) {
  actors::weights_version read;
  read.checkpoint = step(ec::checkpoint_invalid, [&] {
    auto opened = io::open_checkpoint(options.checkpoint_path);
    io::require_sendable(opened);
    return opened;
  });
  read.plan = step(ec::usage, [&] {
    return io::plan_buckets(read.checkpoint,
                            {options.bucket_bytes, options.update.chunk_bytes, options.layout.rank_count(),
                             options.layout.devices_per_host, options.keep_together});
  });
  return read;
}

/// Compares kept memory, maybe days old, with its checksums, while engines still serve. Throws early_end.
void require_intact(const actors::weights_version& kept) {
  constexpr auto trusted_time = 1min;
  if (!kept.resident || kept.source) // Bytes from other hosts are compared when they come.
    return;
  if (actors::meter::clock::now() - kept.resident->intact_at() < trusted_time)
    return;
  const auto changed = kept.resident->find_changed();
  if (!changed)
    return;
  const auto& chunk = kept.plan.chunks[*changed];
  throw early_end{
      {ec::checkpoint_invalid,
       kept.checkpoint.files[chunk.file].path.string() + ": its bytes at "
           + std::to_string(chunk.window.offset)
           + ", kept in memory, are not what was read: the memory of this host is not to be trusted"}};
}

void describe(const actors::weights_version& read) {
  const auto& checkpoint = read.checkpoint;
  for (const auto& remark : checkpoint.remarks)
    spdlog::warn("{}", remark);
  spdlog::info("{}: {} tensors, {} in {} file(s), {} buckets", checkpoint.path.string(),
               checkpoint.tensors.size(), actors::describe_bytes(checkpoint.tensor_bytes),
               checkpoint.files.size(), read.plan.buckets.size());
}

/// Opens devices, rings and staging memory. Too little memory is no usage error. Throws early_end.
[[nodiscard]] actors::startup_report begin_run(const node_options& options, const io::bucket_plan& plan,
                                               std::shared_ptr<actors::host_resources>& resources) {
  stopwatch watch;
  if (auto failed = open_resources(options, resources); failed.code != ec::none)
    throw early_end{std::move(failed)};
  const auto devices_seconds = watch.seconds();
  step(ec::unspecified, [&] {
    resources->begin_run(plan,
                         actors::slab_count(options.update.host_memory_bytes, plan,
                                            options.update.chunk_bytes, options.layout),
                         options.update.chunk_bytes);
  });
  return {devices_seconds, watch.seconds()};
}

} // namespace

prepared_update nothing_prepared(const node_options& options, const cause& why) {
  spdlog::error("{}", why.what);
  actors::weights_version unread;
  unread.checkpoint.path = options.checkpoint_path;
  return {
      {},
      std::make_shared<actors::update>(options.update, options.layout,
                                       std::make_shared<const actors::weights_version>(std::move(unread))),
      why};
}

/// A device that cannot be opened is a usage error.
cause open_resources(const node_options& options, std::shared_ptr<actors::host_resources>& resources) {
  if (resources)
    return {};
  try {
    resources = open_accelerators(options);
  } catch (const std::exception& error) {
    return actors::to_cause(error, ec::usage);
  }
  for (const auto& device : resources->devices())
    spdlog::info("{}: {}", device->uuid(), device->description());
  return {};
}

void keep_in_memory(actors::weights_version& version, const node_options& options,
                    std::uint64_t bytes_per_second_max, const std::stop_token& stop) {
  io::resident_options kept;
  kept.reader.in_flight_max = options.update.reads_in_flight_max;
  kept.reader.request_bytes_max = options.update.chunk_bytes;
  kept.timeout = options.update.timeout;
  kept.bytes_per_second_max = bytes_per_second_max;
  version.resident = std::make_shared<const io::resident_chunks>(
      version.checkpoint, version.plan, actors::owned_chunks(options.layout, version.plan), kept, stop);
}

void pin_kept(actors::weights_version& version, const std::shared_ptr<actors::host_resources>& resources) {
  auto chunks = version.resident;
  if (!chunks || chunks->memory().empty() || !resources->pin(chunks->memory()))
    return;
  // The last owner unpins the memory before it is unmapped. This function object may live on, with weak pointers.
  version.resident = {chunks.get(), [chunks, resources](const io::resident_chunks*) mutable {
                        resources->unpin(chunks->memory());
                        chunks.reset();
                      }};
}

prepared_update prepare(const node_options& options, const std::stop_token& stop) {
  try {
    std::optional<io::engine_checksums> expected;
    if (!options.prove_against.empty() && options.layout.host == 0)
      expected = step(ec::usage, [&] {
        return read_earlier_checksums(options.prove_against, options.update.engine,
                                      options.layout.devices_per_engine);
      });
    auto read = read_headers(options);
    prepared_update prepared;
    if (options.dry_run) {
      std::cout << describe_plan(options, read.checkpoint, read.plan) << std::endl;
      prepared.failed.code = std::cout ? ec::none : ec::unspecified;
      return prepared;
    }
    describe(read);
    step(ec::unspecified, [&] { require_resources(needs_of(options, read.checkpoint, read.plan)); });
    prepared.locks = lock_engines(options);
    auto content = begin_sampling(options, read.checkpoint);
    if (options.peers.save_metas_file)
      step(ec::checkpoint_invalid, [&] { keep_in_memory(read, options, 0, stop); });
    std::shared_ptr<actors::host_resources> resources;
    const auto startup = begin_run(options, read.plan, resources);
    pin_kept(read, resources);
    take_samples(std::move(content), read.checkpoint);
    prepared.update = step(ec::unspecified, [&] {
      return std::make_shared<actors::update>(
          options.update, options.layout, std::make_shared<const actors::weights_version>(std::move(read)),
          resources);
    });
    spdlog::info("broadcasts: {}", prepared.update->collective->description());
    prepared.update->expected_checksums = std::move(expected);
    prepared.update->startup = startup;
    return prepared;
  } catch (const early_end& end) {
    return nothing_prepared(options, end.why());
  }
}

opened_version open_version(const node_options& options) {
  try {
    opened_version opened;
    opened.version = std::make_shared<actors::weights_version>(read_headers(options));
    describe(*opened.version);
    take_samples(begin_sampling(options, opened.version->checkpoint), opened.version->checkpoint);
    return opened;
  } catch (const early_end& end) {
    return {nullptr, end.why()};
  }
}

prepared_update prepare(const node_options& options, const actors::version_ptr& version,
                        std::shared_ptr<actors::host_resources>& resources) {
  try {
    prepared_update prepared;
    auto needs = needs_of(options, version->checkpoint, version->plan);
    if (resources && resources->has_begun()) // Rings and staging memory are there.
      needs.memory_bytes = memory_of_all;
    step(ec::unspecified, [&] { require_resources(needs); });
    step(ec::unspecified, [&] { require_intact(*version); });
    prepared.locks = lock_engines(options);
    const auto startup = begin_run(options, version->plan, resources);
    prepared.update = step(ec::unspecified, [&] {
      return std::make_shared<actors::update>(options.update, options.layout, version, resources);
    });
    prepared.update->startup = startup;
    return prepared;
  } catch (const early_end& end) {
    return nothing_prepared(options, end.why());
  }
}

} // namespace ckpt::apps
