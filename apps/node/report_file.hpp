// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the report goes. Looked at before the update, written after it.

#include <filesystem>
#include <string_view>

namespace ckpt::apps {

class report_file {
public:
  /// Throws std::invalid_argument when nothing can be written to `path`. Nothing changes there yet.
  explicit report_file(std::filesystem::path path);

  /// True when it would take the place of this file.
  [[nodiscard]] bool replaces(const std::filesystem::path& file) const noexcept;

  /// A file, or nothing yet, is replaced by a whole report in one step, whatever links lead to it. Everything
  /// else (a pipe, /dev/stdout, a device) is written to as it is, and never replaced. Throws
  /// std::system_error.
  void write(std::string_view text) const;

private:
  std::filesystem::path path_; ///< links followed
  bool is_replaced_ = true;
};

} // namespace ckpt::apps
