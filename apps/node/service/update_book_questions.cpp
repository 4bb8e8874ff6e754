// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What the book can be asked: see update_book.hpp.

#include "apps/node/service/update_book.hpp"

#include <algorithm>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

[[nodiscard]] double unix_seconds(std::chrono::system_clock::time_point when) {
  return std::chrono::duration<double>{when.time_since_epoch()}.count();
}

} // namespace

std::optional<json::object> update_book::describe(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto* one = find(id);
  if (one == nullptr)
    return std::nullopt;
  json::object described{{"id", one->id},
                         {"version", one->asked.version},
                         {"checkpoint_path", one->asked.checkpoint_path.string()},
                         {"rollback", one->asked.is_rollback},
                         {"engines", json::value_from(one->asked.engines)},
                         {"state", name(one->state)},
                         {"since", unix_seconds(one->since)},
                         {"waits_for_commit", one->state == update_state::prepared && !one->may_commit},
                         {"over", is_over(one->state)},
                         {"error", one->why.what.empty() ? json::value(nullptr) : json::value(one->why.what)},
                         {"exit_status", is_over(one->state) ? json::value(actors::exit_status(one->why.code))
                                                             : json::value(nullptr)},
                         {"progress", nullptr},
                         {"report", one->report.empty() ? json::value(nullptr) : json::value(one->report)}};
  if (one->running)
    described["progress"] = json::object{{"bytes", one->running->acknowledged_bytes.load()},
                                         {"of", one->running->checkpoint.tensor_bytes}};
  return described;
}

json::array update_book::describe_all() const {
  const std::lock_guard lock{mutex_};
  json::array all;
  for (const auto& one : entries_)
    all.push_back(json::object{{"id", one.id},
                               {"version", one.asked.version},
                               {"state", name(one.state)},
                               {"since", unix_seconds(one.since)}});
  return all;
}

update_book::found_trace update_book::find_trace(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto* one = find(id);
  if (one == nullptr)
    return {nullptr, {404, "no update " + id}};
  if (!is_over(one->state))
    return {nullptr, {409, "update " + id + " is not over: " + std::string{name(one->state)}}};
  if (!one->recorded)
    return {nullptr,
            {404, "update " + id + " has no trace: it ended before anything was moved, or "
                      + std::to_string(detailed_max) + " others have ended since"}};
  return {one->recorded, {}};
}

std::uint64_t update_book::count(update_state state) const {
  const std::lock_guard lock{mutex_};
  const auto found = ended_.find(state);
  return found == ended_.end() ? 0 : found->second;
}

std::vector<std::string> update_book::needed_versions() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> names;
  for (const auto& one : entries_)
    if (one.version)
      names.push_back(one.asked.version);
  return names;
}

bool update_book::is_waiting(const std::string& version) const {
  const std::lock_guard lock{mutex_};
  return std::ranges::any_of(
      entries_, [&](const entry& one) { return one.asked.version == version && !is_over(one.state); });
}

std::optional<update_state> update_book::state_of(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto* one = find(id);
  return one == nullptr ? std::nullopt : std::optional{one->state};
}

bool update_book::is_cancelled(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto* one = find(id);
  return one == nullptr || one->state == update_state::cancelled;
}

} // namespace ckpt::apps
