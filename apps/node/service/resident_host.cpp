// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/resident_host.hpp"

#include "actors/update/chunk_source.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/report.hpp"
#include "apps/node/run.hpp"
#include "apps/node/service/engine_watch.hpp"
#include "apps/node/take_part.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

using actors::cause;
using actors::ec;

/// The options of an update by these hosts.
[[nodiscard]] node_options options_for(const node_options& options, const std::filesystem::path& checkpoint,
                                       const std::string& name, const std::vector<std::uint32_t>& hosts) {
  auto chosen = options;
  chosen.checkpoint_path = checkpoint;
  chosen.update.checkpoint_name = name;
  chosen.update.weight_version = name;
  chosen.layout = actors::among(options.layout, hosts);
  return chosen;
}

/// Engines here that have no part in this run.
[[nodiscard]] std::vector<std::uint32_t> spared_in(const resident_host::run& what,
                                                   const node_options& options) {
  const auto& endpoints = options.update.endpoints;
  const auto errors = what.spares_silent ? ask_for_life(endpoints, options.update.api_key)
                                         : std::vector<std::error_code>(endpoints.size());
  std::vector<std::uint32_t> spared;
  for (std::uint32_t number = 0; number < endpoints.size(); ++number) {
    const bool is_meant =
        what.engines.empty()
        || std::ranges::find(what.engines, std::pair{options.place.host, number}) != what.engines.end();
    if (is_meant && errors[number])
      spdlog::warn("engine {} is left out: {}", endpoints[number].url, errors[number].message());
    if (!is_meant || errors[number])
      spared.push_back(number);
  }
  return spared;
}

/// The metas of all hosts; nothing when one of them does not offer its share.
[[nodiscard]] std::optional<io::metas> describe_offers(const node_options& options,
                                                       const actors::update_verdict& verdict,
                                                       const share_offer& offer) {
  try {
    return metas_of(options, verdict, offer.secret());
  } catch (const std::exception& error) {
    spdlog::warn("the version is not offered to hosts that join: {}", error.what());
    return std::nullopt;
  }
}

} // namespace

cause no_answer_from(const std::filesystem::path& path) {
  return {ec::timed_out, path.string() + ": the file system does not answer"};
}

resident_host::resident_host(const node_options& options, const signal_guard& signals)
    : options_{options}, signals_{signals}, shelf_{options.service->resident_memory_bytes}, runtime_{
                                                                                                options} {}

kept_version resident_host::prepare(const wanted_version& wanted, const std::stop_token& stop) {
  const cause interrupted{ec::interrupted, "interrupted while version " + wanted.name + " was prepared"};
  try {
    if (auto known = shelf_.find(wanted.name);
        known && known->edition == wanted.edition && known->hosts == wanted.hosts)
      return {std::move(known)};
    if (wanted.must_be_there)
      return {nullptr, {ec::checkpoint_invalid, "version " + wanted.name + " is not here any more"}};
    const auto options = options_for(options_, wanted.checkpoint_path, wanted.name, wanted.hosts);
    if (auto failed = open_resources(options, resources_); failed.code != ec::none)
      return {nullptr, std::move(failed)};
    const auto answer =
        headers_.look([options] { return open_version(options); }, options.update.timeout, stop);
    if (!answer)
      return {nullptr, stop.stop_requested() ? interrupted : no_answer_from(wanted.checkpoint_path)};
    const auto& opened = *answer;
    if (!opened.version)
      return {nullptr, opened.failed};
    opened.version->hosts = wanted.hosts;
    opened.version->edition = wanted.edition;
    if (options.service->resident_memory_bytes > 0)
      keep_in_memory(*opened.version, options, stop);
    if (!stop.stop_requested())
      return {shelf_.put(wanted.name, opened.version)};
  } catch (const std::exception& error) {
    if (!stop.stop_requested())
      return {nullptr, actors::to_cause(error)};
  }
  return {nullptr, interrupted};
}

/// Without room in memory the version is read when it is pushed.
void resident_host::keep_in_memory(actors::weights_version& opened, const node_options& options,
                                   const std::stop_token& stop) {
  const auto chunks = actors::owned_chunks(options.layout, opened.plan);
  std::uint64_t bytes = 0;
  for (const auto chunk : chunks)
    bytes += opened.plan.chunks[chunk].window.length;
  if (!shelf_.make_room(bytes)) {
    spdlog::warn("{}: {} do not fit into --resident-memory; it is read while engines wait",
                 opened.checkpoint.path.string(), actors::describe_bytes(bytes));
    return;
  }
  apps::keep_in_memory(opened, options, options.service->read_bytes_per_second_max, stop);
  pin_kept(opened, resources_);
  for (auto& file : opened.checkpoint.files) // Open files in /dev/shm take memory even if removed.
    file.descriptor.reset();
}

/// Offers the version to hosts that join. Null without --save-metas-file, or if it is not in memory.
std::unique_ptr<share_offer> resident_host::make_offer(const node_options& options,
                                                       const actors::version_ptr& version) {
  if (!options.peers.save_metas_file || !version->resident)
    return nullptr;
  try {
    return std::make_unique<share_offer>(runtime_, options, version);
  } catch (const std::exception& error) {
    spdlog::error("the version is not offered to hosts that join: {}", error.what());
    return nullptr;
  }
}

resident_host::pushed resident_host::push(const run& what) {
  auto options = options_for(options_, what.version->checkpoint.path, what.name, what.version->hosts);
  options.update.pause = what.pause;
  options.update.spared = spared_in(what, options);
  auto prepared = apps::prepare(options, what.version, resources_);
  what.begins(prepared.update);
  pushed result;
  auto& verdict = result.verdict;
  if (prepared.failed.code != ec::none && options.layout.hosts == 1)
    verdict = actors::conclude(
        prepared.failed,
        {actors::untouched(prepared.failed, options.layout, actors::endpoint_urls(options.update))},
        options.layout, options.update.weight_version);
  else {
    auto offer =
        what.is_offered && prepared.failed.code == ec::none ? make_offer(options, what.version) : nullptr;
    verdict = take_part(runtime_, options, prepared.update, prepared.failed, signals_, offer.get(),
                        what.meet(options, prepared.update));
    if (verdict.first_cause.code == ec::none && what.is_offered) {
      if (offer && options.layout.host == 0)
        result.metas = describe_offers(options, verdict, *offer);
      earlier_offer_ = std::exchange(offer_, std::move(offer));
    } else if (verdict.parts_left) {
      left_offer_ = std::move(offer);
    }
  }
  spdlog::info("{}", summary_of(verdict, *prepared.update));
  if (const auto table = stages_table(verdict); !table.empty() && ::isatty(STDERR_FILENO) == 1)
    spdlog::info("stages:\n{}", table);
  result.report = report_of(verdict, *prepared.update);
  if (options.layout.host == 0)
    result.recorded = std::make_shared<const trace>(trace_of(verdict, *prepared.update));
  if (verdict.parts_left) {
    withdraw_exports(*prepared.update, true);
    left_ = std::move(prepared);
    is_stuck_ = true;
    spdlog::error("something is stuck in the kernel or a library: this process cannot go on");
  } else {
    prepared.update->release();
  }
  return result;
}

} // namespace ckpt::apps
