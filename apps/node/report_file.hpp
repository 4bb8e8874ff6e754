// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The file of --report. Checked before the update, written after it.

#include <filesystem>
#include <string_view>

namespace ckpt::apps {

class report_file {
public:
  /// Throws std::invalid_argument when nothing can be written to `path`. Does not change it yet.
  explicit report_file(std::filesystem::path path);

  /// True when write() would replace this file.
  [[nodiscard]] bool replaces(const std::filesystem::path& file) const noexcept;

  /// A regular file, or a missing one, is replaced by a whole report in one step, behind all links. Anything
  /// else (a pipe, /dev/stdout, a device) is written to and never replaced. Throws std::system_error.
  void write(std::string_view text) const;

private:
  std::filesystem::path path_; ///< links followed
  bool is_replaced_ = true;
};

} // namespace ckpt::apps
