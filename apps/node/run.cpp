// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/run.hpp"

#include "actors/cluster/gate.hpp"
#include "actors/update/meter.hpp"
#include "actors/update/update.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/accelerators.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/doctor.hpp"
#include "apps/node/dry_run.hpp"
#include "apps/node/earlier_report.hpp"
#include "apps/node/resources.hpp"
#include "apps/node/take_part.hpp"
#include "io/engine/engine_checksums.hpp"
#include "io/engine/update_lock.hpp"
#include "io/error.hpp"
#include "io/plan/content_sample.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <iostream>
#include <optional>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

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

/// Runs `work`; what it throws ends the run with code `otherwise`, unless the exception says better.
template <class Function>
auto step(ec otherwise, Function work) {
  try {
    return work();
  } catch (const std::exception& error) {
    throw early_end{actors::to_cause(error, otherwise)};
  }
}

[[nodiscard]] std::vector<io::update_lock> lock_engines(const node_options& options) {
  std::vector<io::update_lock> locks;
  for (const auto& endpoint : options.update.endpoints) {
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

/// Hosts compare what is in their files; meanwhile devices are opened. Nothing where there is one host.
[[nodiscard]] std::future<std::vector<std::uint64_t>> begin_sampling(const node_options& options,
                                                                     const io::checkpoint& checkpoint) {
  if (options.layout.hosts == 1)
    return {};
  return std::async(std::launch::async, [files = checkpoint.files, timeout = options.update.timeout] {
    return io::sample_content(files, timeout);
  });
}

[[nodiscard]] needed_resources needs_of(const node_options& options, const io::checkpoint& checkpoint,
                                        const io::bucket_plan& plan) {
  // Counted in the program; a few more do no harm.
  constexpr std::uint64_t threads_of_all = 16, threads_of_device = 3;
  constexpr std::uint64_t descriptors_of_all = 40, descriptors_of_file = 3, descriptors_of_device = 6;
  constexpr std::uint64_t memory_of_all = 64 << 20;
  const std::uint64_t devices = options.layout.devices_per_host;
  needed_resources needs;
  needs.threads = threads_of_all + threads_of_device * devices + options.update.endpoints.size();
  needs.descriptors =
      descriptors_of_all + descriptors_of_file * checkpoint.files.size() + descriptors_of_device * devices;
  needs.memory_bytes =
      memory_of_all
      + actors::slab_count(options.update.host_memory_bytes, plan, options.update.chunk_bytes, options.layout)
            * options.update.chunk_bytes;
  if (options.layout.hosts > 1) {
    needs.threads += 2; // for connections, and for the resolver
    needs.descriptors += 8;
  }
  if (options.layout.hosts > 1 && options.layout.host == 0) { // Where the others come to: see network_thread.
    needs.descriptors +=
        actors::gate_for_hosts(options.layout.hosts).strangers_max + 3 * options.layout.hosts;
    needs.memory_bytes += (128u << 10) * std::uint64_t{options.layout.hosts};
  }
  if (options.device == device_kind::host)
    needs.memory_bytes += plan.ring_bytes * devices;
  return needs;
}

/// An update of this host, ready to run, and what keeps others off its engines meanwhile; or why there is
/// none.
struct prepared_update {
  std::vector<io::update_lock> locks;
  actors::update_ptr update;
  cause failed; ///< then `update` is empty, but for what a report says of it
};

[[nodiscard]] prepared_update prepare(const node_options& options) {
  prepared_update prepared;
  try {
    std::optional<io::engine_checksums> expected;
    if (!options.prove_against.empty() && options.layout.host == 0)
      expected = step(ec::usage, [&] {
        return read_earlier_checksums(options.prove_against, options.update.engine,
                                      options.layout.devices_per_engine);
      });
    auto checkpoint = step(ec::checkpoint_invalid, [&] {
      auto opened = io::open_checkpoint(options.checkpoint_path);
      io::require_sendable(opened);
      return opened;
    });
    auto plan = step(ec::usage, [&] {
      return io::plan_buckets(checkpoint,
                              {options.bucket_bytes, options.update.chunk_bytes, options.layout.rank_count(),
                               options.layout.devices_per_host, options.keep_together});
    });
    if (options.dry_run) {
      std::cout << describe_plan(options, checkpoint, plan) << std::endl;
      prepared.failed.code = std::cout ? ec::none : ec::unspecified;
      return prepared;
    }
    for (const auto& remark : checkpoint.remarks)
      spdlog::warn("{}", remark);
    spdlog::info("{}: {} tensors, {} in {} file(s), {} buckets", checkpoint.path.string(),
                 checkpoint.tensors.size(), actors::describe_bytes(checkpoint.tensor_bytes),
                 checkpoint.files.size(), plan.buckets.size());
    step(ec::unspecified, [&] { require_resources(needs_of(options, checkpoint, plan)); });
    prepared.locks = lock_engines(options);
    auto content = begin_sampling(options, checkpoint);
    // What is missing on this host, the user asked for; what does not fit, nobody could know.
    auto last = actors::meter::clock::now();
    const auto seconds_since_last = [&] {
      const auto before = std::exchange(last, actors::meter::clock::now());
      return std::chrono::duration<double>{last - before}.count();
    };
    auto opened = step(ec::usage, [&] { return open_accelerators(options); });
    const auto devices_seconds = seconds_since_last();
    for (const auto& device : opened.devices)
      spdlog::info("{}: {}", device->uuid(), device->description());
    spdlog::info("broadcasts: {}", opened.collective->description());
    prepared.update = step(ec::unspecified, [&] {
      return actors::make_update(options.update, options.layout, std::move(checkpoint), std::move(plan),
                                 std::move(opened.devices), std::move(opened.collective));
    });
    if (content.valid())
      step(ec::checkpoint_invalid, [&] {
        const auto digests = content.get();
        for (std::size_t file = 0; file < digests.size(); ++file)
          prepared.update->checkpoint.files[file].content_digest = digests[file];
      });
    prepared.update->expected_checksums = std::move(expected);
    prepared.update->startup = {devices_seconds, seconds_since_last()};
  } catch (const early_end& end) {
    spdlog::error("{}", end.what());
    prepared.failed = end.why();
    prepared.update = std::make_shared<actors::update>();
    prepared.update->options = options.update;
    prepared.update->layout = options.layout;
    prepared.update->checkpoint.path = options.checkpoint_path;
  }
  return prepared;
}

/// The file of the checkpoint that the report would take the place of; usually none.
[[nodiscard]] std::filesystem::path weights_in_place_of(const node_options& options) {
  std::error_code none; // What cannot be looked at is found out when it is opened.
  if (!options.report)
    return {};
  if (options.report->replaces(options.checkpoint_path))
    return options.checkpoint_path;
  for (const auto& entry : std::filesystem::directory_iterator{options.checkpoint_path, none})
    if (const auto name = entry.path().filename().string();
        (name.ends_with(".safetensors") || name.ends_with(".index.json"))
        && options.report->replaces(entry.path()))
      return entry.path();
  return {};
}

/// False when the report cannot be written.
[[nodiscard]] bool report(const actors::update_verdict& verdict, const actors::update& update,
                          const node_options& options) {
  std::cout << actors::describe(verdict, update) << std::endl;
  try {
    if (options.report)
      options.report->write(actors::report_text(verdict, update));
    return true;
  } catch (const std::exception& error) {
    spdlog::error("--report: {}", error.what());
    return false;
  }
}

} // namespace

int run(const node_options& options) {
  if (const auto file = weights_in_place_of(options); !file.empty()) {
    std::cerr << "ckpt-actor-node: --report would replace " << file.string() << '\n';
    return actors::exit_status(ec::usage);
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("ckpt-actor-node"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  raise_open_file_limit();
  // Whoever reads the log may go away, and files may be limited in size: writing then fails, and says so.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (options.doctor && !options.dry_run && !is_wanted(options)) // Before signals are kept for later.
    return actors::exit_status(ec::interrupted);
  const signal_guard signals; // Before the first thread: threads inherit the mask.
  auto prepared = prepare(options);
  if (!prepared.update)
    return actors::exit_status(prepared.failed.code); // A dry run.
  std::optional<doctor> examination;
  if (options.doctor && prepared.failed.code == ec::none)
    prepared.failed = examination.emplace(options, signals).begin();
  const auto conclude = [&](actors::update_verdict verdict) {
    if (examination)
      examination->judge(verdict, *prepared.update);
    const bool is_reported = report(verdict, *prepared.update, options);
    auto status = actors::exit_status(verdict.first_cause.code);
    if (status == 0 && !is_reported)
      status = actors::exit_status(ec::unspecified);
    // What serves to find the rings goes away also when this process ends without more ado.
    for (const auto& device : prepared.update->devices)
      device->withdraw_export();
    if (verdict.parts_left) {
      spdlog::error("something is stuck in the kernel or a library; ending without waiting for it");
      std::_Exit(status); // The actor system would wait for it for ever.
    }
    if (status == 0 && options.sleep_seconds > 0)
      static_cast<void>(signals.wait(std::chrono::seconds{options.sleep_seconds}));
    return status;
  };
  // A host that cannot take part still tells the others, where there are any.
  const bool is_over = options.layout.hosts == 1 && prepared.failed.code != ec::none;
  return is_over ? conclude(actors::conclude(
             prepared.failed,
             {actors::untouched(prepared.failed, options.layout, actors::endpoint_urls(options.update))},
             options.layout, options.update.weight_version))
                 : take_part(options, prepared.update, prepared.failed, signals, conclude);
}

} // namespace ckpt::apps
