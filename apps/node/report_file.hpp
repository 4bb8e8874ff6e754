// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file that an update ends with: --report, --save-metas-file. Checked before the update, written after it.

#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace ckpt::apps {

class report_file {
public:
  /// Throws std::invalid_argument, naming `flag`, when nothing can be written to `path`. Does not change it yet. A
  /// file that write() creates or replaces gets `mode`, less the umask.
  explicit report_file(std::filesystem::path path, std::string_view flag = "--report", mode_t mode = 0666);

  [[nodiscard]] const std::string& flag() const noexcept { return flag_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; } ///< links followed

  /// True when write() would replace this file.
  [[nodiscard]] bool replaces(const std::filesystem::path& file) const noexcept;

  /// A regular file, or a missing one, is replaced by a whole report in one step, behind all links. Anything
  /// else (a pipe, /dev/stdout, a device) is written to and never replaced. Throws std::system_error.
  void write(std::string_view text) const;

  /// What write() would replace is removed, if it is there. Throws std::system_error.
  void remove() const;

private:
  std::filesystem::path path_; ///< links followed
  std::string flag_;
  mode_t mode_;
  bool is_replaced_ = true;
};

} // namespace ckpt::apps
