// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file system that never answers, like that of a server that is gone: FUSE, without anybody who serves it.
// Needs root.

#include "io/fd.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>

namespace ckpt::tests {

class hung_mount {
public:
  /// is_mounted() tells whether this machine allows it.
  hung_mount();
  hung_mount(const hung_mount&) = delete;
  hung_mount& operator=(const hung_mount&) = delete;

  /// Whoever hangs there gets an error.
  ~hung_mount() noexcept;

  [[nodiscard]] bool is_mounted() const noexcept { return is_mounted_; }

  /// Whoever asks for anything below it hangs.
  [[nodiscard]] std::filesystem::path path() const { return scratch_.path() / "hung"; }

private:
  temporary_directory scratch_{std::filesystem::current_path()};
  io::fd device_;
  bool is_mounted_ = false;
};

} // namespace ckpt::tests
