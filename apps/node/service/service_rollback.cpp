// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How a resident node brings back earlier versions: see service.hpp.

#include "apps/node/service/service.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using actors::ec;

/// Tries of a roll-back after a failure. Each leaves out one engine more.
constexpr int tries_max = 3;

} // namespace

/// Takes the version from the shelf, never the files that are at its path by now. Without a name: the version
/// before, or, when engines do not all serve the last good one, that one.
void service::prepare_rollback(const update_book::work& next) {
  auto name = next.asked.version;
  if (next.asked.is_heal) {
    name = versions().served();
    if (is_served(name, next.asked.engines)) { // An update has reached them meanwhile.
      end(next.id, {});
      return;
    }
  }
  if (name.empty() && !next.asked.is_heal)
    name = do_engines_differ_ ? versions().served() : versions().previous();
  if (auto version = versions().find(name))
    book_.is_prepared(next.id, name, std::move(version));
  else
    end(next.id, {ec::usage, name.empty() ? "there is no version before the one that is served"
                                          : "no version " + name + " is known"});
}

/// Rolls back all engines that answer. Those that took the new version get the old one again, and mixes end.
/// Returns the report on it.
json::object service::roll_back_after_failure(const update_book::work& failed,
                                              const actors::update_verdict& verdict) {
  const auto without = [](const char* outcome) {
    return json::object{{"outcome", outcome}, {"version", nullptr}};
  };
  if (std::ranges::all_of(verdict.engines, [](const auto& engine) {
        return engine.serves == actors::served_weights::unchanged;
      }))
    return without("unneeded");
  const auto name = versions().served();
  const auto version = versions().find(name);
  if (!version || is_stuck() || signals_.has_come()) {
    spdlog::warn("there is no roll-back: {}",
                 !version ? "no version is known to be good" : "this node is ending");
    return without("impossible");
  }
  spdlog::warn("rolling back to version {}", name);
  auto before = failed.asked; // With that update's pause mode.
  before.version = name;
  before.is_rollback = true;
  json::object report;
  try {
    report = push_to_those_that_can(failed.id, before, version);
  } catch (const std::exception& error) {
    report = {{"outcome", "failed"}, {"cause", error.what()}};
  }
  report["version"] = name;
  return report;
}

/// Leaves out engines that do not answer, and in further tries those that fail.
json::object service::push_to_those_that_can(const std::string& id, update_request asked,
                                             actors::version_ptr version) {
  for (auto tries = tries_max;; --tries) {
    const auto kept = divide_anew(id, asked, version);
    if (!kept.version)
      return {{"outcome", "failed"}, {"cause", kept.failed.what}};
    version = kept.version;
    auto [verdict, report, recorded, metas] = push(id, asked, version, reach::those_that_live);
    const auto culprit = verdict.first_cause.engine;
    if (culprit < 0 || tries == 1 || is_stuck() || signals_.has_come())
      return report;
    const auto layout = actors::among(options_.layout, version->hosts);
    const auto leader = layout.leader_of_engine(static_cast<std::uint32_t>(culprit));
    asked.engines =
        engine_states::names_without({version->hosts.at(leader), static_cast<std::uint32_t>(culprit)
                                                                     - layout.engines_led_by(leader).begin},
                                     asked.engines, version->hosts, known_hosts());
    if (asked.engines.empty())
      return report;
  }
}

} // namespace ckpt::apps
