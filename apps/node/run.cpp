// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/run.hpp"

#include "actors/loader.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/dry_run.hpp"
#include "gpu/host_device.hpp"
#include "io/error.hpp"
#include "io/update_lock.hpp"

#include <cstdlib>
#include <iostream>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

namespace ckpt::apps {
namespace {

using actors::cause;
using actors::ec;
using actors::update_verdict;

/// Ends a run before the actors start; carries why.
class early_end : public std::exception {
public:
  explicit early_end(cause why) : why_{std::move(why)} {}
  [[nodiscard]] const char* what() const noexcept override { return why_.what.c_str(); }
  [[nodiscard]] const cause& why() const noexcept { return why_; }

private:
  cause why_;
};

/// Big checkpoints have hundreds of files open, twice; the usual soft limit of 1024 is a shell's.
void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

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
      locks.emplace_back(endpoint);
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

struct host_parts {
  std::vector<std::unique_ptr<gpu::device>> devices;
  std::unique_ptr<gpu::collective> collective;
};

[[nodiscard]] host_parts make_host_devices(std::uint32_t count) {
  host_parts parts;
  std::vector<const gpu::host_device*> members;
  for (std::uint32_t index = 0; index < count; ++index) {
    auto device = std::make_unique<gpu::host_device>(index);
    members.push_back(device.get());
    parts.devices.push_back(std::move(device));
  }
  parts.collective = std::make_unique<gpu::host_collective>(std::move(members));
  return parts;
}

void report(const update_verdict& verdict, const actors::update& update, const node_options& options) {
  std::cout << actors::describe(verdict, update) << std::endl;
  if (!options.report.empty())
    actors::write_report(verdict, update, options.report);
}

/// Runs the actors and reports. Returns the exit status.
int run_actors(const actors::update_ptr& update, const node_options& options, const signal_guard& signals) {
  caf::actor_system_config config;
  config.add_message_types<caf::id_block::ckpt_actors>();
  config.set("scheduler.max-threads",
             std::size_t{2}); // Only the loader is scheduled; the data path has its own.
  caf::actor_system system{config};
  update_verdict verdict;
  {
    const auto loader = system.spawn(actors::loader, update);
    const attendant beside{signals, *update,
                           [&](cause why) { caf::anon_send(loader, actors::part_failed{std::move(why)}); }};
    caf::scoped_actor self{system};
    // No deadline here: every wait inside has one, and the loader always answers.
    self->request(loader, caf::infinite, actors::run_atom_v)
        .receive([&](update_verdict& answer) { verdict = std::move(answer); },
                 [&](const caf::error& error) {
                   verdict.first_cause = {ec::unspecified,
                                          "the loader ended unexpectedly: " + system.render(error)};
                 });
  }
  report(verdict, *update, options);
  const auto status = actors::exit_status(verdict.first_cause.code);
  if (verdict.parts_left) {
    spdlog::error("something is stuck in the kernel or a library; ending without waiting for it");
    std::_Exit(status); // The actor system would wait for it for ever.
  }
  return status;
}

/// The verdict of a run that ended before the actors started: no engine has been touched.
[[nodiscard]] update_verdict untouched(const cause& why, const node_options& options) {
  update_verdict verdict;
  verdict.first_cause = why;
  for (const auto& endpoint : options.update.endpoints)
    verdict.engines.push_back(
        {endpoint.url, actors::served_weights::unchanged, why.what, options.update.weight_version, 0, 0});
  verdict.stages.push_back({"disk", 0, 0});
  return verdict;
}

int update_engines(const node_options& options, io::checkpoint checkpoint, io::bucket_plan plan,
                   const signal_guard& signals) {
  const auto locks = lock_engines(options);
  auto update = step(ec::unspecified, [&] {
    auto parts = make_host_devices(options.device_count);
    return actors::make_update(options.update, std::move(checkpoint), std::move(plan),
                               std::move(parts.devices), std::move(parts.collective));
  });
  return run_actors(update, options, signals);
}

} // namespace

int run(const node_options& options) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("ckpt-actor-node"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  raise_open_file_limit();
  const signal_guard signals; // Before the first thread: threads inherit the mask.
  try {
    auto checkpoint = step(ec::checkpoint_invalid, [&] {
      auto opened = io::open_checkpoint(options.checkpoint_path);
      io::require_sendable(opened);
      return opened;
    });
    auto plan = step(ec::usage, [&] {
      return io::plan_buckets(checkpoint,
                              {options.bucket_bytes, options.update.chunk_bytes, options.device_count});
    });
    if (options.dry_run) {
      std::cout << describe_plan(options, checkpoint, plan) << std::endl;
      return 0;
    }
    spdlog::info("{}: {} tensors, {} in {} file(s), {} buckets", checkpoint.path.string(),
                 checkpoint.tensors.size(), actors::describe_bytes(checkpoint.tensor_bytes),
                 checkpoint.files.size(), plan.buckets.size());
    const auto status = update_engines(options, std::move(checkpoint), std::move(plan), signals);
    if (status == 0 && options.sleep_seconds > 0)
      static_cast<void>(signals.wait(std::chrono::seconds{options.sleep_seconds}));
    return status;
  } catch (const early_end& end) {
    spdlog::error("{}", end.what());
    actors::update nothing;
    nothing.options = options.update;
    nothing.checkpoint.path = options.checkpoint_path;
    report(untouched(end.why(), options), nothing, options);
    return actors::exit_status(end.why().code);
  }
}

} // namespace ckpt::apps
