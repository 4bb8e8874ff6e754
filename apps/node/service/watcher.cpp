// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/watcher.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto look_every = 500ms;

/// Fits into the text of a file_system_look. No name contains it.
constexpr char separator = '/';

[[nodiscard]] std::string to_text(const seen_version& seen) {
  return seen.stamp.empty() ? std::string{} : seen.stamp + separator + seen.name;
}

[[nodiscard]] seen_version from_text(const fs::path& directory, const std::string& text) {
  const auto at = text.find(separator);
  if (at == std::string::npos)
    return {};
  const auto name = text.substr(at + 1);
  return {directory / name, name, text.substr(0, at)};
}

} // namespace

seen_version find_newest(const watch_options& options) {
  seen_version newest;
  fs::file_time_type newest_time;
  for (const auto& entry : fs::directory_iterator{options.directory}) {
    const auto name = entry.path().filename().string();
    std::error_code gone; // Whoever cleans up may be faster.
    if (name.starts_with('.') || !entry.is_directory(gone))
      continue;
    const auto time =
        fs::last_write_time(options.marker.empty() ? entry.path() : entry.path() / options.marker, gone);
    if (gone || (!newest.stamp.empty() && std::pair{time, name} <= std::pair{newest_time, newest.name}))
      continue;
    newest_time = time;
    newest = {entry.path(), name, std::to_string(time.time_since_epoch().count())};
  }
  return newest;
}

watcher::watcher(watch_options options, std::function<void(const seen_version&)> came)
    : thread_{[this, options = std::move(options), came = std::move(came)](const std::stop_token& stop) {
        seen_version last;
        std::string last_why;
        std::mutex mutex;
        std::condition_variable_any nobody_wakes;
        std::unique_lock lock{mutex};
        do {
          std::string why;
          try {
            const auto text = look_.look([options] { return to_text(find_newest(options)); });
            const auto seen = text ? from_text(options.directory, *text) : seen_version{};
            if (!text)
              why = options.directory.string() + ": the file system does not answer";
            else if (!seen.stamp.empty() && std::exchange(last, seen) != seen)
              came(seen);
          } catch (const std::exception& error) {
            why = error.what();
          }
          if (!why.empty() && why != last_why)
            spdlog::warn("--watch: {}", why);
          last_why = why;
        } while (!nobody_wakes.wait_for(lock, stop, look_every, [&] { return stop.stop_requested(); }));
      }} {}

} // namespace ckpt::apps
