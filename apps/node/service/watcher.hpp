// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Looks for new versions in a directory: each one is a directory, or a link to one, that is complete once a marker file is
// in it, or, without a marker's name, once it is there under its name. One thread of its own; never writes or removes
// anything.

#include "apps/node/service/file_system_look.hpp"

#include <filesystem>
#include <functional>
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
  std::string stamp; ///< of the moment in which it was completed; empty: there is none

  [[nodiscard]] bool operator==(const seen_version&) const = default;
};

/// The newest complete version in the directory. Names that begin with a point are not looked at. Throws
/// std::filesystem::filesystem_error.
[[nodiscard]] seen_version find_newest(const watch_options& options);

class watcher {
public:
  /// Calls `came`, on the watcher's thread, for the newest version whenever that is another one: those that were overtaken
  /// are skipped.
  watcher(watch_options options, std::function<void(const seen_version&)> came);

private:
  file_system_look look_;
  std::jthread thread_;
};

} // namespace ckpt::apps
