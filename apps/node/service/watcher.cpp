// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/watcher.hpp"

#include <algorithm>
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

std::vector<seen_version> find_complete(const watch_options& options) {
  std::vector<seen_version> complete;
  for (const auto& entry : fs::directory_iterator{options.directory}) {
    const auto name = entry.path().filename().string();
    std::error_code gone; // A version may be removed meanwhile.
    if (name.starts_with('.') || !entry.is_directory(gone))
      continue;
    const auto time =
        fs::last_write_time(options.marker.empty() ? entry.path() : entry.path() / options.marker, gone);
    if (!gone)
      complete.push_back({entry.path(), name, time.time_since_epoch().count()});
  }
  std::ranges::sort(complete, {}, age_of);
  return complete;
}

/// A version is no news if it is the newest only because a newer one was removed, or it was written into.
bool watcher::is_news(const seen_version& seen) const {
  return (!last_ || age_of(seen) > age_of(*last_)) && !names_.contains(seen.name);
}

void watcher::look(const watch_options& options, const std::function<bool(const seen_version&)>& came) {
  const auto complete = look_.look([options] { return find_complete(options); });
  if (!complete)
    throw std::runtime_error{options.directory.string() + ": the file system does not answer"};
  const auto newest = std::ranges::find_if(complete->rbegin(), complete->rend(),
                                           [&](const auto& seen) { return is_news(seen); });
  if (newest == complete->rend() || !came(*newest))
    return;
  last_ = *newest;
  if (names_.size() >= names_max)
    names_.clear(); // The time alone tells that older ones are no news.
  for (auto known = newest; known != complete->rend(); ++known)
    names_.insert(known->name); // Those that it overtook are never news again either.
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
