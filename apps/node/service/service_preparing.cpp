// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How a resident node prepares a version on all hosts: see service.hpp.

#include "apps/node/service/service.hpp"

#include "actors/cluster/introductions.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {

using actors::ec;

namespace {

/// How long the other hosts may take to stop where this one has failed.
constexpr std::chrono::milliseconds others_stop_max{10'000};

} // namespace

/// Reads the version anew, unless its files are unchanged: an earlier try under this name may have had other content.
void service::prepare_update(const update_book::work& next) {
  const std::string& version = next.asked.version;
  if (next.asked.is_from_memory) {
    if (auto kept = versions().find(version); kept && kept->resident)
      book_.is_prepared(next.id, version, std::move(kept));
    else
      end(next.id, {ec::usage, "version " + version + " is not in memory any more"});
    return;
  }
  const std::filesystem::path& path = next.asked.checkpoint_path;
  auto known = next.asked.is_forced ? nullptr : versions().find(version);
  if (known && known->checkpoint.path != path)
    known = nullptr;
  if (known) {
    const auto change = changes_.look([path, compare = versions().change_of(version, path)] {
      std::error_code unreadable;
      return std::filesystem::exists(path, unreadable) ? compare() : std::string{"it is not there any more"};
    });
    if (!change || !change->empty())
      known = nullptr;
  }
  const auto began = std::chrono::steady_clock::now();
  const auto opened = prepare_everywhere(next.id, version, path, known);
  if (!opened.version) {
    end(next.id, opened.failed);
    return;
  }
  metrics_.note_preparation(std::chrono::duration<double>{std::chrono::steady_clock::now() - began}.count());
  book_.is_prepared(next.id, next.asked.version, opened.version);
}

/// Call it with the mutex held, or it may stop the next preparation.
void service::stop_preparing() {
  stop_preparing_.request_stop();
  if (fleet_)
    fleet_->stop();
}

/// Of a version that has to be read once more: why it cannot be.
actors::cause service::find_change(const std::string& name, const std::filesystem::path& path,
                                   const std::stop_token& stop) {
  const auto change = changes_.look(versions().change_of(name, path), options_.update.timeout, stop);
  if (!change)
    return stop.stop_requested() ? actors::cause{ec::interrupted, "interrupted while version " + name
                                                                      + " was compared with its files"}
                                 : no_answer_from(path);
  if (change->empty())
    return {};
  return {ec::checkpoint_invalid, "version " + name
                                      + " has to be read once more, because hosts have come or gone, and "
                                        "its files are not what they were: "
                                      + *change};
}

/// Prepares on the hosts that are there. If a host leaves meanwhile, the version is divided among the others.
/// A `known` version is not read again if the same hosts still have it. Otherwise all hosts read it, if its files have
/// not changed: a host that was restarted would take whatever is at the path by now for its share.
kept_version service::prepare_everywhere(const std::string& id, const std::string& name,
                                         const std::filesystem::path& path,
                                         const actors::version_ptr& known) {
  std::stop_token stop;
  {
    const std::lock_guard lock{mutex_};
    preparing_ = id;
    stop_preparing_ = {};
    stop = stop_preparing_.get_token();
    if (book_.is_cancelled(id)) // Before there was anything to stop.
      stop_preparing_.request_stop();
  }
  const std::shared_ptr<void> at_end{nullptr, [this](void*) {
                                       const std::lock_guard lock{mutex_};
                                       preparing_.clear();
                                     }};
  kept_version kept;
  {
    const signal_watch watch{signals_, [this] {
                               const std::lock_guard lock{mutex_};
                               stop_preparing();
                             }};
    bool may_be_there = known != nullptr;
    for (auto tries = options_.layout.hosts + 1; tries > 0; --tries) {
      wanted_version wanted{name, path, {0}, 0};
      if (fleet_)
        wanted.hosts = fleet_->gather(stop);
      wanted.must_be_there = may_be_there && known->hosts == wanted.hosts;
      wanted.edition = wanted.must_be_there ? known->edition : ++edition_;
      if (known && !wanted.must_be_there)
        if (auto change = find_change(name, path, stop); change.code != ec::none) {
          kept = {nullptr, std::move(change)};
          break;
        }
      std::vector<std::uint32_t> lost;
      kept = try_to_prepare(wanted, stop, lost);
      if (wanted.must_be_there && !kept.version && kept.failed.code != ec::interrupted
          && !stop.stop_requested()) {
        may_be_there = false;
        continue;
      }
      if (lost.empty() || kept.failed.code != ec::none)
        break;
      kept = {nullptr, {ec::host_lost, "hosts leave faster than a version is divided among them"}};
    }
  }
  return kept;
}

/// Call it before a prepared version is pushed: hosts may have come or gone since.
kept_version service::divide_anew(const std::string& id, const update_request& asked,
                                  const actors::version_ptr& version) {
  if (!fleet_)
    return {version};
  auto kept = prepare_everywhere(id, asked.version, version->checkpoint.path, version);
  if (kept.version)
    for (const auto& [host, number] : engine_states::find_all(asked.engines, known_hosts()))
      if (!std::ranges::binary_search(kept.version->hosts, host))
        return {nullptr,
                {ec::host_lost, "an engine that is to be updated is not reachable: "
                                    + actors::host_label(host, known_hosts().at(host).name)
                                    + " is not there, or shares an engine with one that is not"}};
  if (kept.version && signals_.has_come())
    kept = {nullptr, {ec::interrupted, "interrupted before any engine was asked for anything"}};
  return kept;
}

kept_version service::try_to_prepare(const wanted_version& wanted, const std::stop_token& stop,
                                     std::vector<std::uint32_t>& lost) {
  if (std::ranges::find(wanted.hosts, options_.layout.host) == wanted.hosts.end())
    return {nullptr, {ec::host_lost, "a host that shares an engine with host 0 is not there"}};
  if (!fleet_)
    return host_.prepare(wanted, stop);
  auto needed = book_.needed_versions();
  for (auto& name : {versions().served(), versions().previous()})
    needed.push_back(name);
  const auto order =
      fleet_->begin(actors::prepare_order{0, wanted.name, wanted.edition, wanted.checkpoint_path,
                                          wanted.hosts, std::move(needed), wanted.must_be_there});
  auto opened = host_.prepare(wanted, stop);
  std::optional<std::chrono::milliseconds> time_max;
  if (!opened.version) { // The others need not go on.
    fleet_->stop();
    time_max = others_stop_max;
  }
  auto outcome = fleet_->end(order, stop, time_max);
  lost = std::move(outcome.lost);
  if (opened.version && outcome.failed.code != ec::none)
    return {nullptr, outcome.failed};
  return opened;
}

} // namespace ckpt::apps
