// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Looks for new versions in a directory: each one is a directory, or a link to one, that is complete once a marker file is
// in it, or, without a marker's name, once it is there under its name. One thread of its own; never writes or removes
// anything.

#include "apps/node/service/file_system_look.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace ckpt::apps {

struct watch_options {
  std::filesystem::path directory; ///< empty: nothing is watched
  std::string marker;              ///< name of the file that says that a version is complete; may be empty
};

/// A complete version.
struct seen_version {
  std::filesystem::path path;
  std::string name;
  std::int64_t completed = 0; ///< when, in units of the file system's clock
};

/// The newest complete version in the directory, if there is one. Names that begin with a point are not looked at. Throws
/// std::filesystem::filesystem_error.
[[nodiscard]] std::optional<seen_version> find_newest(const watch_options& options);

class watcher {
public:
  /// Calls `came`, on the watcher's thread, for each version that is newer than all before it, once for each name, and again
  /// until that returns true. Those that were overtaken meanwhile are skipped.
  watcher(watch_options options, std::function<bool(const seen_version&)> came);

private:
  [[nodiscard]] bool is_news(const seen_version& seen) const;
  void look(const watch_options& options, const std::function<bool(const seen_version&)>& came);

  // The watcher's thread's.
  file_system_look<std::optional<seen_version>> look_;
  std::optional<seen_version> last_; ///< that was taken
  std::set<std::string> names_;      ///< of all that were
  std::jthread thread_;
};

} // namespace ckpt::apps
