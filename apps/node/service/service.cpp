// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/service.hpp"

#include "actors/update/chunk_source.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/prepare.hpp"
#include "apps/node/report.hpp"
#include "apps/node/run.hpp"
#include "apps/node/service/routes.hpp"
#include "apps/node/take_part.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using actors::cause;
using actors::ec;

/// How long the service waits for a signal or for work at a time: both wake it.
constexpr auto look_every = std::chrono::milliseconds{10'000};

} // namespace

service::service(const node_options& options, const signal_guard& signals)
    : options_{options}, signals_{signals}, shelf_{options.service->resident_memory_bytes}, runtime_{
                                                                                                options} {}

int service::run() {
  const io::fd wakeup{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wakeup)
    throw io::system_failure(errno, "eventfd", "the service");
  std::atomic<http_side*> listeners = nullptr;
  book_.on_change([this, &wakeup, &listeners] {
    ::eventfd_write(wakeup.number(), 1);
    if (auto* side = listeners.load())
      side->changed();
    const std::lock_guard lock{mutex_};
    if (!preparing_.empty() && book_.is_cancelled(preparing_))
      stop_preparing_.request_stop();
  });
  http_side listening{*this, options_.service->listen, options_.service->listen_key};
  listeners = &listening;
  spdlog::info("listening at {}", listening.addresses());
  while (!is_ending_) {
    eventfd_t count = 0;
    ::eventfd_read(wakeup.number(), &count);
    while (const auto next = is_ending_ ? std::nullopt : book_.take_work()) {
      work(*next);
      is_ending_ = is_ending_ || signals_.has_come(); // An update may have ended well all the same.
    }
    if (!is_ending_ && signals_.wait(look_every, wakeup.number()) != 0)
      is_ending_ = true;
  }
  spdlog::info("ending");
  return is_stuck_ || was_interrupted_ ? actors::exit_status(ec::interrupted) : 0;
}

void service::work(const update_book::work& next) {
  try {
    if (next.version)
      commit(next);
    else if (next.asked.is_rollback)
      prepare_rollback(next);
    else
      prepare_update(next);
  } catch (const std::exception& error) {
    const auto why = actors::to_cause(error);
    spdlog::error("update {}: {}", next.id, why.what);
    end(next.id, why);
  }
}

void service::end(const std::string& id, const cause& why, json::object report) {
  const bool is_updated = why.code == ec::none;
  {
    const std::lock_guard lock{mutex_};
    ++(is_updated ? updated_ : failed_);
  }
  book_.end(id, is_updated ? update_state::updated : update_state::failed, why, std::move(report));
}

/// The version itself, never what may be at its path by now. Without a name: the one before, or the last good one
/// where engines do not all serve it.
void service::prepare_rollback(const update_book::work& next) {
  auto name = next.asked.version;
  if (name.empty())
    name = is_served(shelf_.served()) ? shelf_.previous() : shelf_.served();
  if (auto version = shelf_.find(name))
    book_.is_prepared(next.id, name, std::move(version));
  else
    end(next.id, {ec::usage, name.empty() ? "there is no version before the one that is served"
                                          : "no version " + name + " is known"});
}

/// Read anew, whatever is known under this name: an earlier try may have been of other content.
void service::prepare_update(const update_book::work& next) {
  std::stop_token stop;
  {
    const std::lock_guard lock{mutex_};
    preparing_ = next.id;
    stop_preparing_ = {};
    stop = stop_preparing_.get_token();
  }
  const signal_watch watch{signals_, [this] {
                             const std::lock_guard lock{mutex_};
                             stop_preparing_.request_stop();
                           }};
  auto opened = open_version(options_for(next.asked));
  if (opened.version && options_.service->resident_memory_bytes > 0)
    keep_in_memory(*opened.version, stop);
  {
    const std::lock_guard lock{mutex_};
    preparing_.clear();
  }
  if (!opened.version) {
    end(next.id, opened.failed);
    return;
  }
  const actors::version_ptr version = std::move(opened.version);
  shelf_.put(next.asked.version, version);
  book_.is_prepared(next.id, next.asked.version, version);
}

/// Where there is no room it is read when it is pushed.
void service::keep_in_memory(actors::weights_version& opened, const std::stop_token& stop) {
  const auto chunks = actors::owned_chunks(options_.layout, opened.plan);
  std::uint64_t bytes = 0;
  for (const auto chunk : chunks)
    bytes += opened.plan.chunks[chunk].window.length;
  if (!shelf_.make_room(bytes)) {
    spdlog::warn("{}: {} do not fit into --resident-memory; it is read while engines wait",
                 opened.checkpoint.path.string(), actors::describe_bytes(bytes));
    return;
  }
  apps::keep_in_memory(opened, options_, options_.service->read_bytes_per_second_max, stop);
  for (auto& file :
       opened.checkpoint.files) // Files that are removed in /dev/shm take memory while they are open.
    file.descriptor.reset();
}

void service::commit(const update_book::work& next) {
  json::object report;
  const auto verdict = push(next.id, options_for(next.asked), next.version, report);
  const bool is_updated = verdict.first_cause.code == ec::none;
  was_interrupted_ = verdict.first_cause.code == ec::interrupted;
  if (is_updated)
    shelf_.serve(next.asked.version, next.asked.is_rollback);
  else if (options_.service->rolls_back)
    report["rollback"] = roll_back_after_failure(next, verdict);
  end(next.id, verdict.first_cause, std::move(report));
  if (is_stuck_)
    spdlog::error("something is stuck in the kernel or a library: this process cannot go on");
}

/// All engines: those that took the new version are given the old one again, and mixes end. Returns the report
/// on it.
json::object service::roll_back_after_failure(const update_book::work& failed,
                                              const actors::update_verdict& verdict) {
  const auto without = [](const char* outcome) {
    return json::object{{"outcome", outcome}, {"version", nullptr}};
  };
  if (std::ranges::all_of(verdict.engines, [](const auto& engine) {
        return engine.serves == actors::served_weights::unchanged;
      }))
    return without("unneeded");
  const auto name = shelf_.served();
  const auto version = shelf_.find(name);
  if (!version || is_stuck_ || signals_.has_come()) {
    spdlog::warn("there is no roll-back: {}",
                 !version ? "no version is known to be good" : "this node is ending");
    return without("impossible");
  }
  spdlog::warn("rolling back to version {}", name);
  auto before = failed.asked; // Paused as that one was.
  before.version = name;
  before.checkpoint_path = version->checkpoint.path;
  json::object report;
  try {
    static_cast<void>(push(failed.id, options_for(before), version, report));
  } catch (const std::exception& error) {
    report = {{"outcome", "failed"}, {"cause", error.what()}};
  }
  report["version"] = name;
  return report;
}

void service::note_engines(const actors::update_verdict& verdict, const std::string& version) {
  const std::lock_guard lock{mutex_};
  for (const auto& engine : verdict.engines) {
    paused_seconds_ += engine.account.pause_seconds;
    auto& known = engines_[engine.endpoint];
    if (engine.serves == actors::served_weights::unchanged)
      continue;
    const bool is_whole = engine.serves == actors::served_weights::updated;
    known = {engine.serves, is_whole ? version : std::string{}, std::chrono::system_clock::now()};
  }
}

bool service::is_served(const std::string& version) const {
  const std::lock_guard lock{mutex_};
  return !version.empty() && std::ranges::all_of(options_.update.endpoints, [&](const auto& endpoint) {
    const auto known = engines_.find(endpoint.url);
    return known != engines_.end() && known->second.version == version;
  });
}

json::array service::engines() const {
  const std::lock_guard lock{mutex_};
  json::array all;
  for (const auto& endpoint : options_.update.endpoints) {
    const auto known = engines_.find(endpoint.url);
    json::object line{
        {"endpoint", endpoint.url}, {"serves", "unknown"}, {"version", nullptr}, {"since", nullptr}};
    if (known != engines_.end() && known->second.since != std::chrono::system_clock::time_point{}) {
      const auto& [serves, version, since] = known->second;
      line["serves"] = actors::name(serves);
      line["version"] = version.empty() ? json::value(nullptr) : json::value(version);
      line["since"] = std::chrono::duration<double>{since.time_since_epoch()}.count();
    }
    all.push_back(std::move(line));
  }
  return all;
}

actors::update_verdict service::push(const std::string& id, const node_options& options,
                                     const actors::version_ptr& version, json::object& report) {
  auto prepared = prepare(options, version, resources_);
  book_.now_runs(id, prepared.update);
  actors::update_verdict verdict;
  if (prepared.failed.code != ec::none)
    verdict = actors::conclude(
        prepared.failed,
        {actors::untouched(prepared.failed, options.layout, actors::endpoint_urls(options.update))},
        options.layout, options.update.weight_version);
  else
    verdict = take_part(runtime_, options, prepared.update, {}, signals_);
  spdlog::info("{}", summary_of(verdict, *prepared.update));
  report = report_of(verdict, *prepared.update);
  note_engines(verdict, options.update.weight_version.value_or(""));
  if (verdict.parts_left) {
    withdraw_exports(*prepared.update, true);
    left_ = std::move(prepared);
    is_ending_ = is_stuck_ = true;
  } else {
    prepared.update->release();
  }
  return verdict;
}

node_options service::options_for(const update_request& asked) const {
  auto options = options_;
  options.checkpoint_path = asked.checkpoint_path;
  options.update.checkpoint_name = asked.version;
  options.update.weight_version = asked.version;
  if (asked.pause)
    options.update.pause = *asked.pause;
  return options;
}

std::string service::metrics() const {
  const std::lock_guard lock{mutex_};
  std::string text;
  const auto add = [&](std::string_view name, std::string_view kind, std::string_view help,
                       const std::string& value) {
    text += "# HELP " + std::string{name} + " " + std::string{help} + "\n# TYPE " + std::string{name} + " "
            + std::string{kind} + "\n" + std::string{name} + " " + value + "\n";
  };
  add("ckpt_actor_updates_succeeded_total", "counter", "Updates after which every engine serves the version",
      std::to_string(updated_));
  add("ckpt_actor_updates_failed_total", "counter", "Updates that failed", std::to_string(failed_));
  add("ckpt_actor_pause_seconds_total", "counter", "Seconds for which engines were paused",
      std::to_string(paused_seconds_));
  add("ckpt_actor_resident_bytes", "gauge", "Memory of versions", std::to_string(shelf_.memory_bytes()));
  return text;
}

} // namespace ckpt::apps
