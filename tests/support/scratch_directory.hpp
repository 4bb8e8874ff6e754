// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A directory of a test's own that disappears with the object. It lies below the working directory, which is
// the build tree: on a disk, so that direct reads and the page cache can be tested, which /tmp on tmpfs would
// not allow.

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

#include <stdlib.h>

namespace ckpt::support {

class scratch_directory {
public:
  /// Below `parent`; throws when none can be made.
  explicit scratch_directory(const std::filesystem::path& parent = std::filesystem::current_path()) {
    auto name = (parent / "scratch-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error{"mkdtemp " + name};
    path_ = name;
  }
  scratch_directory(scratch_directory&& other) noexcept : path_{std::exchange(other.path_, {})} {}
  scratch_directory& operator=(scratch_directory&&) = delete;
  ~scratch_directory() noexcept {
    std::error_code ignored;
    if (!path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace ckpt::support
