// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/run.hpp"

#include "actors/update/verdict.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/doctor.hpp"
#include "apps/node/joining.hpp"
#include "apps/node/output.hpp"
#include "apps/node/peers.hpp"
#include "apps/node/prepare.hpp"
#include "apps/node/report.hpp"
#include "apps/node/resources.hpp"
#include "apps/node/service/file_system_look.hpp"
#include "apps/node/service/follower.hpp"
#include "apps/node/service/service.hpp"
#include "apps/node/take_part.hpp"
#include "apps/node/trace.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

using actors::cause;
using actors::ec;

/// The file of the checkpoint that `written` would replace; usually none.
[[nodiscard]] std::filesystem::path weights_in_place_of(const report_file& written,
                                                        const std::filesystem::path& checkpoint) {
  std::error_code none; // What cannot be read fails when it is opened.
  if (written.replaces(checkpoint))
    return checkpoint;
  for (const auto& entry : std::filesystem::directory_iterator{checkpoint, none})
    if (const auto name = entry.path().filename().string();
        (name.ends_with(".safetensors") || name.ends_with(".index.json")) && written.replaces(entry.path()))
      return entry.path();
  return {};
}

/// Also where they are spelled differently, or lead through links.
[[nodiscard]] bool are_same(const std::filesystem::path& one, const std::filesystem::path& other) {
  std::error_code failed, failed_too;
  const auto left = std::filesystem::weakly_canonical(one, failed);
  const auto right = std::filesystem::weakly_canonical(other, failed_too);
  return one == other || (!failed && !failed_too && left == right);
}

/// Why this run must not write a file where it is told to; usually empty.
[[nodiscard]] std::string misplaced_file(const node_options& options) {
  const auto& metas = options.peers.save_metas_file;
  std::vector<const report_file*> files;
  for (const auto* written : {&options.report, &options.trace, &metas})
    if (*written)
      files.push_back(&**written);
  for (const auto* written : files)
    if (const auto file = weights_in_place_of(*written, options.checkpoint_path); !file.empty())
      return written->flag() + " would replace " + file.string();
  for (const auto* written : files)
    for (const auto* other : files)
      if (written != other && are_same(written->path(), other->path()))
        return written->flag() + " and " + other->flag() + " are the same file";
  return {};
}

/// Likewise, but soon: a mount may hang, which whoever reads there has to tell.
[[nodiscard]] std::string misplaced_file_if_seen(const node_options& options) {
  try {
    return file_system_look<std::string>{}.look([options] { return misplaced_file(options); }).value_or("");
  } catch (const std::system_error&) { // No thread can be started.
    return misplaced_file(options);
  }
}

/// False when it cannot be composed or written.
template <class Compose>
[[nodiscard]] bool write(const report_file& file, Compose text) {
  try {
    file.write(text());
    return true;
  } catch (const std::exception& error) {
    spdlog::error("{}: {}", file.flag(), error.what());
    return false;
  }
}

/// False when the report or the trace cannot be written.
[[nodiscard]] bool report(const actors::update_verdict& verdict, const actors::update& update,
                          const node_options& options, const output& said) {
  said.print(summary_of(verdict, update));
  if (const auto table = stages_table(verdict); !table.empty() && ::isatty(STDOUT_FILENO) == 1)
    said.print(table);
  const bool is_reported = !options.report || write(*options.report, [&] {
    return boost::json::serialize(report_of(verdict, update)) + '\n';
  });
  const bool is_traced =
      !options.trace || write(*options.trace, [&] { return chrome_json(trace_of(verdict, update)); });
  return is_reported && is_traced;
}

/// Returns the exit status.
[[nodiscard]] int save(const node_options& options, const actors::update_verdict& verdict,
                       const share_offer& offer) {
  try {
    const auto metas = metas_of(options, verdict, offer.secret());
    options.peers.save_metas_file->write(io::serialize(metas));
    spdlog::info("--save-metas-file: how to reach {} host(s) that keep the weights in memory",
                 metas.hosts.size());
    return 0;
  } catch (const std::exception& error) {
    spdlog::error("--save-metas-file: {}", error.what());
    return actors::exit_status(ec::unspecified);
  }
}

[[nodiscard]] actors::update_verdict not_begun(const node_options& options, const actors::cause& why) {
  return actors::conclude(why,
                          {actors::untouched(why, options.layout, actors::endpoint_urls(options.update))},
                          options.layout, options.update.weight_version);
}

/// The only update of this process. An update that is stuck still uses its parts.
struct one_update {
  explicit one_update(const node_options& asked) : options{asked} {}

  node_options options;
  std::shared_ptr<actors::host_resources> resources;
  prepared_update prepared;
  std::unique_ptr<actor_runtime> runtime; ///< goes before the update: its actors use it
  std::unique_ptr<share_offer> offer;
};

/// Prepares the update from this host's files, or from the memory of other hosts.
[[nodiscard]] prepared_update prepare_once(one_update& kept, const signal_guard& signals) {
  const cause before_anything{ec::interrupted, "interrupted before any engine was asked for anything"};
  auto& options = kept.options;
  if (!options.peers.save_metas_file && !options.peers.sources)
    return prepare(options);
  if (!options.peers.sources) {
    std::stop_source stop;
    prepared_update prepared;
    {
      const signal_watch watch{signals, [&stop] { stop.request_stop(); }};
      prepared = prepare(options, stop.get_token());
    }
    if (signals.has_come())
      prepared.failed = before_anything;
    return prepared;
  }
  kept.runtime = std::make_unique<actor_runtime>(options);
  auto joined = join(*kept.runtime, options, signals);
  if (signals.has_come())
    joined = {nullptr, before_anything};
  if (!joined.version)
    return nothing_prepared(options, joined.failed);
  auto prepared = prepare(options, joined.version, kept.resources);
  if (prepared.failed.code == ec::none)
    pin_kept(*joined.version, kept.resources);
  return prepared;
}

/// Returns the reason if it cannot, else ec::none.
[[nodiscard]] cause begin_offer(one_update& kept) {
  try {
    if (!kept.runtime)
      kept.runtime = std::make_unique<actor_runtime>(kept.options);
    kept.offer = std::make_unique<share_offer>(*kept.runtime, kept.options, kept.prepared.update->version);
    return {};
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return actors::to_cause(error, ec::usage);
  }
}

[[nodiscard]] ending update_once(const node_options& asked, const signal_guard& signals, const output& said) {
  const auto kept = std::make_shared<one_update>(asked);
  const auto& options = kept->options;
  auto& prepared = kept->prepared;
  try {
    prepared = prepare_once(*kept, signals);
  } catch (const std::exception& error) { // For lack of a thread, say. The other hosts are told.
    prepared = nothing_prepared(options, actors::to_cause(error));
  }
  std::optional<doctor> examination;
  if (options.doctor && prepared.failed.code == ec::none)
    prepared.failed = examination.emplace(options, signals).begin();
  if (options.peers.save_metas_file && prepared.failed.code == ec::none)
    prepared.failed = begin_offer(*kept);
  actors::update_verdict verdict;
  if (options.layout.hosts == 1 && prepared.failed.code != ec::none) {
    verdict = not_begun(options, prepared.failed);
  } else { // A host that cannot take part still tells the others.
    if (!kept->runtime)
      kept->runtime = std::make_unique<actor_runtime>(options);
    verdict =
        take_part(*kept->runtime, options, prepared.update, prepared.failed, signals, kept->offer.get());
  }
  if (examination)
    examination->judge(verdict, *prepared.update);
  auto status = actors::exit_status(verdict.first_cause.code);
  if (!report(verdict, *prepared.update, options, said) && status == 0)
    status = actors::exit_status(ec::unspecified);
  withdraw_exports(*prepared.update, verdict.parts_left);
  if (status == 0 && kept->offer && options.layout.host == 0)
    status = save(options, verdict, *kept->offer);
  if (verdict.parts_left)
    spdlog::error("something is stuck, or is not to be waited for; ending without it");
  else if (status == 0 && options.sleep_seconds > 0)
    static_cast<void>(signals.wait(std::chrono::seconds{options.sleep_seconds}));
  return {status, verdict.parts_left, verdict.parts_left ? kept : nullptr};
}

/// Signals end it as they end any program.
[[nodiscard]] ending dry_run(const node_options& options) {
  output said;
  const auto planned = prepare(options);
  if (planned.update)
    static_cast<void>(report(not_begun(options, planned.failed), *planned.update, options, said));
  return {actors::exit_status(planned.failed.code), !said.finish()};
}

/// `Service` is `service` on host 0, and `follower` on all others.
template <class Service>
[[nodiscard]] ending serve(const node_options& asked, const signal_guard& signals) {
  const auto kept = std::make_shared<Service>(asked, signals);
  const auto status = kept->run();
  return {status, kept->is_stuck(), kept->is_stuck() ? kept : nullptr};
}

} // namespace

void withdraw_exports(const actors::update& update, bool left) {
  for (const auto& device : update.devices) {
    if (left)
      device->stay_abandoned(true);
    device->withdraw_export();
  }
}

ending run(const node_options& options) {
  if (const auto why = misplaced_file_if_seen(options); !why.empty()) {
    std::cerr << "ckpt-actor-node: " << why << '\n';
    return {actors::exit_status(ec::usage)};
  }
  raise_open_file_limit();
  // The log's reader may go away, and files may be limited in size: write() then returns an error.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (options.doctor && !options.dry_run && !is_wanted(options)) // Before signals are kept for later.
    return {actors::exit_status(ec::interrupted)};
  if (options.dry_run)
    return dry_run(options);
  const signal_guard signals; // Before the first thread: threads inherit the mask.
  output said;
  auto end = !options.service           ? update_once(options, signals, said)
             : options.layout.host == 0 ? serve<service>(options, signals)
                                        : serve<follower>(options, signals);
  end.at_once |= !said.finish();
  return end;
}

} // namespace ckpt::apps
