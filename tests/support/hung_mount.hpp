// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file system that never answers, like that of a server that is gone: FUSE, without anybody who serves it.
// Needs root.

#include "io/fd.hpp"

#include <filesystem>

namespace ckpt::tests {

class hung_mount {
public:
  /// At this directory, which is made if it is not there. is_mounted() tells whether this machine allows it.
  explicit hung_mount(std::filesystem::path directory);
  hung_mount(const hung_mount&) = delete;
  hung_mount& operator=(const hung_mount&) = delete;

  /// Whoever hangs there gets an error.
  ~hung_mount() noexcept;

  [[nodiscard]] bool is_mounted() const noexcept { return is_mounted_; }

  /// Whoever asks for anything below it hangs.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
  io::fd device_;
  bool is_mounted_ = false;
};

} // namespace ckpt::tests
