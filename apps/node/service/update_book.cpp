// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/update_book.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <ranges>
#include <utility>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

/// Updates that are not over.
constexpr std::size_t waiting_max = 64;

/// Entries in all. The oldest that is over goes first.
constexpr std::size_t entries_max = 1'024;

/// Updates whose report is kept: some kilobytes for each host.
constexpr std::size_t reports_max = 128;

/// Also those of the roll-back that followed.
void forget_checksums(json::object& report) {
  if (auto* rollback = report.if_contains("rollback"); rollback != nullptr && rollback->is_object())
    forget_checksums(rollback->as_object());
  const auto* engines = report.if_contains("engines");
  if (engines == nullptr || !engines->is_array())
    return;
  for (auto& engine : report["engines"].as_array())
    if (auto* proof = engine.as_object().if_contains("proof"); proof != nullptr && proof->is_object())
      proof->as_object()["checksums"] = nullptr;
}

[[nodiscard]] std::string id_prefix() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  char text[24];
  std::snprintf(
      text, sizeof text, "%llx-",
      static_cast<unsigned long long>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
  return text;
}

} // namespace

std::string_view name(update_state state) noexcept {
  switch (state) {
  case update_state::queued:
    return "queued";
  case update_state::preparing:
    return "preparing";
  case update_state::prepared:
    return "prepared";
  case update_state::committing:
    return "committing";
  case update_state::updated:
    return "updated";
  case update_state::failed:
    return "failed";
  case update_state::cancelled:
    break;
  }
  return "cancelled";
}

update_book::update_book() : prefix_{id_prefix()} {}

update_book::filed update_book::file(const update_request& asked, const known_version& of_it) {
  std::unique_lock lock{mutex_};
  for (auto& known : entries_ | std::views::reverse) {
    // Not so where an engine is healed: it may have gone again since.
    const bool is_named_so = known.named == asked.version && !asked.is_heal;
    if ((known.asked.version != asked.version && !is_named_so) || asked.is_rollback != known.asked.is_rollback
        || asked.is_heal != known.asked.is_heal)
      continue;
    const bool is_for_others = known.asked.engines != asked.engines;
    if (known.is_forgotten || known.state == update_state::failed || known.state == update_state::cancelled)
      continue;
    if (!asked.is_rollback && known.asked.checkpoint_path != asked.checkpoint_path)
      return {
          known.id, false,
          refusal{409, "version " + asked.version + " is known as " + known.asked.checkpoint_path.string()}};
    if (!of_it.change.empty())
      return {known.id, false,
              refusal{409, "version " + asked.version + " is known with other content: " + of_it.change}};
    if (is_for_others)
      continue;
    if (known.state == update_state::updated && (asked.is_rollback || asked.is_forced || !of_it.is_served))
      break;
    if (!asked.waits_for_commit)
      known.may_commit = true;
    auto id = known.id;
    lock.unlock();
    changed_();
    return {std::move(id), false, std::nullopt};
  }
  const auto waiting = std::ranges::count_if(entries_, [](const entry& one) { return !is_over(one.state); });
  if (static_cast<std::size_t>(waiting) >= waiting_max)
    return {{}, false, refusal{429, "too many updates wait: " + std::to_string(waiting)}};
  forget_oldest();
  auto& made = entries_.emplace_back();
  made.id = prefix_ + std::to_string(++count_);
  made.asked = asked;
  made.named = asked.version;
  made.may_commit = !asked.waits_for_commit;
  made.since = std::chrono::system_clock::now();
  auto id = made.id;
  lock.unlock();
  changed_();
  return {std::move(id), true, std::nullopt};
}

std::optional<std::size_t> update_book::forget(const std::string& version) {
  std::size_t cancelled = 0;
  {
    const std::lock_guard lock{mutex_};
    const auto is_of_it = [&](const entry& one) { return one.asked.version == version; };
    if (std::ranges::any_of(entries_, [&](const entry& one) {
          return is_of_it(one) && one.state == update_state::committing;
        }))
      return std::nullopt;
    for (auto& one : entries_ | std::views::filter(is_of_it)) {
      one.is_forgotten = true;
      if (is_over(one.state))
        continue;
      cancel(one, "version " + version + " was dropped");
      ++cancelled;
    }
  }
  changed_();
  return cancelled;
}

void update_book::forget_oldest() {
  if (entries_.size() < entries_max)
    return;
  const auto oldest = std::ranges::find_if(entries_, [](const entry& one) { return is_over(one.state); });
  if (oldest != entries_.end())
    entries_.erase(oldest);
}

void update_book::forget_old_details() {
  std::vector<entry*> ended; // One that waited for its commit may have been asked for long ago.
  for (auto& one : entries_ | std::views::reverse)
    if (!one.report.empty() || one.recorded)
      ended.push_back(&one);
  std::ranges::stable_sort(ended, std::ranges::greater{}, [](const entry* one) { return one->since; });
  for (std::size_t at = 0; at < ended.size(); ++at) {
    if (at >= reports_max)
      ended[at]->report = json::object{};
    if (at >= detailed_max) {
      forget_checksums(ended[at]->report);
      ended[at]->recorded.reset();
    }
  }
}

std::optional<update_book::refusal> update_book::commit(const std::string& id) {
  {
    const std::lock_guard lock{mutex_};
    auto* one = find(id);
    if (one == nullptr)
      return refusal{404, "no update " + id};
    if (one->state == update_state::failed || one->state == update_state::cancelled)
      return refusal{409, "update " + id + " is over: " + std::string{name(one->state)}};
    one->may_commit = true;
  }
  changed_();
  return std::nullopt;
}

std::optional<update_book::refusal> update_book::cancel(const std::string& id) {
  {
    const std::lock_guard lock{mutex_};
    auto* one = find(id);
    if (one == nullptr)
      return refusal{404, "no update " + id};
    if (one->state == update_state::cancelled)
      return std::nullopt;
    if (one->state >= update_state::committing)
      return refusal{409, "update " + id + " cannot be cancelled any more: " + std::string{name(one->state)}};
    cancel(*one, {});
  }
  changed_();
  return std::nullopt;
}

void update_book::on_change(std::function<void()> changed) { changed_ = std::move(changed); }

std::optional<update_book::work> update_book::take_work() {
  std::unique_lock lock{mutex_};
  const auto is_committed = [](const entry& one) {
    return one.state == update_state::prepared && one.may_commit;
  };
  const auto is_queued = [](const entry& one) { return one.state == update_state::queued; };
  auto next = std::ranges::find_if(entries_, [&](const entry& one) {
    return one.asked.is_rollback && (is_committed(one) || is_queued(one));
  });
  if (next == entries_.end())
    next = std::ranges::find_if(entries_, is_committed);
  if (next == entries_.end())
    next = std::ranges::find_if(entries_, is_queued);
  if (next == entries_.end())
    return std::nullopt;
  set(*next, next->version ? update_state::committing : update_state::preparing);
  work taken{next->id, next->asked, next->version};
  lock.unlock();
  changed_();
  return taken;
}

void update_book::now_runs(const std::string& id, std::shared_ptr<const actors::update> running) {
  const std::lock_guard lock{mutex_};
  if (auto* one = find(id))
    one->running = std::move(running);
}

void update_book::is_prepared(const std::string& id, const std::string& name, actors::version_ptr version) {
  {
    const std::lock_guard lock{mutex_};
    if (auto* one = find(id); one != nullptr && one->state == update_state::preparing) {
      one->asked.version = name;
      one->asked.checkpoint_path = version->checkpoint.path;
      one->version = std::move(version);
      set(*one, update_state::prepared);
    }
  }
  changed_();
}

void update_book::end(const std::string& id, update_state state, const actors::cause& why,
                      json::object report, std::shared_ptr<const trace> recorded) {
  {
    const std::lock_guard lock{mutex_};
    if (auto* one = find(id); one != nullptr && one->state != update_state::cancelled) {
      set(*one, state);
      one->running.reset();
      one->version.reset();
      one->why = why;
      one->report = std::move(report);
      one->recorded = std::move(recorded);
      forget_old_details();
    }
  }
  changed_();
}

update_book::entry* update_book::find(const std::string& id) {
  const auto found = std::ranges::find(entries_, id, &entry::id);
  return found == entries_.end() ? nullptr : &*found;
}

const update_book::entry* update_book::find(const std::string& id) const {
  const auto found = std::ranges::find(entries_, id, &entry::id);
  return found == entries_.end() ? nullptr : &*found;
}

void update_book::set(entry& which, update_state state) {
  which.state = state;
  if (is_over(state))
    ++ended_[state];
  which.since = std::chrono::system_clock::now();
}

void update_book::cancel(entry& which, std::string why) {
  set(which, update_state::cancelled);
  which.version.reset();
  which.why.code = actors::ec::interrupted;
  which.why.what = std::move(why);
}

} // namespace ckpt::apps
