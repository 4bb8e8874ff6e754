// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Looks for new versions in a directory. Each is a directory, or a link to one. It is complete once a marker file is in
// it, or, if no marker is named, as soon as it is there. One thread of its own; never writes or removes anything.

#include "apps/node/service/file_system_look.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ckpt::apps {

struct watch_options {
  std::filesystem::path directory; ///< empty: nothing is watched
  std::string marker;              ///< file that marks a complete version; empty: none is needed
};

/// A complete version.
struct seen_version {
  std::filesystem::path path;
  std::string name;
  std::int64_t completed = 0; ///< time of completion, in units of the file system's clock
};

/// The complete versions in the directory, the newest last. Skips names that begin with a dot. Throws
/// std::filesystem::filesystem_error.
[[nodiscard]] std::vector<seen_version> find_complete(const watch_options& options);

class watcher {
public:
  /// Calls `came` on the watcher's thread for each version that is newer than all before it, once for each name, and again
  /// while it throws or returns false. Versions that were overtaken meanwhile are skipped for good.
  watcher(watch_options options, std::function<bool(const seen_version&)> came);

private:
  [[nodiscard]] bool is_news(const seen_version& seen) const;
  void look(const watch_options& options, const std::function<bool(const seen_version&)>& came);

  // Used on the watcher's thread alone.
  file_system_look<std::vector<seen_version>> look_;
  std::optional<seen_version> last_; ///< that `came` accepted
  std::set<std::string> names_;      ///< of all versions that it accepted, or that were overtaken
  std::jthread thread_;
};

} // namespace ckpt::apps
