// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/watcher.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto look_every = 500ms;
constexpr std::size_t names_max = 100'000;

[[nodiscard]] auto age_of(const seen_version& seen) { return std::tie(seen.completed, seen.name); }

} // namespace

std::optional<seen_version> find_newest(const watch_options& options) {
  std::optional<seen_version> newest;
  for (const auto& entry : fs::directory_iterator{options.directory}) {
    const auto name = entry.path().filename().string();
    std::error_code gone; // A version may be removed meanwhile.
    if (name.starts_with('.') || !entry.is_directory(gone))
      continue;
    const auto time =
        fs::last_write_time(options.marker.empty() ? entry.path() : entry.path() / options.marker, gone);
    if (gone)
      continue;
    seen_version seen{entry.path(), name, time.time_since_epoch().count()};
    if (!newest || age_of(seen) > age_of(*newest))
      newest = std::move(seen);
  }
  return newest;
}

/// A version is no news if it is the newest only because a newer one was removed, or it was written into.
bool watcher::is_news(const seen_version& seen) const {
  return (!last_ || age_of(seen) > age_of(*last_)) && !names_.contains(seen.name);
}

void watcher::look(const watch_options& options, const std::function<bool(const seen_version&)>& came) {
  const auto answer = look_.look([options] { return find_newest(options); });
  if (!answer)
    throw std::runtime_error{options.directory.string() + ": the file system does not answer"};
  const auto& seen = *answer;
  if (!seen || !is_news(*seen) || !came(*seen))
    return;
  last_ = seen;
  if (names_.size() >= names_max)
    names_.clear(); // The time alone tells that older ones are no news.
  names_.insert(seen->name);
}

watcher::watcher(watch_options options, std::function<bool(const seen_version&)> came)
    : thread_{[this, options = std::move(options), came = std::move(came)](const std::stop_token& stop) {
        std::string last_why;
        std::mutex mutex;
        std::condition_variable_any nobody_wakes;
        std::unique_lock lock{mutex};
        do {
          std::string why;
          try {
            look(options, came);
          } catch (const std::exception& error) {
            why = error.what();
          }
          if (!why.empty() && why != last_why)
            spdlog::warn("--watch: {}", why);
          last_why = why;
        } while (!nobody_wakes.wait_for(lock, stop, look_every, [&] { return stop.stop_requested(); }));
      }} {}

} // namespace ckpt::apps
