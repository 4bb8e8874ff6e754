// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file system on a disk of its own, which a test can make fail: an ext4 image behind a loop device. When
// the image gets shorter, the kernel answers reads of what is gone with a real EIO. Needs root.

#include "tests/support/temporary_directory.hpp"

#include <cstdint>
#include <filesystem>

namespace ckpt::tests {

class failing_disk {
public:
  /// Makes and mounts a disk of `bytes`; is_mounted() tells whether this machine allows it.
  explicit failing_disk(std::uint64_t bytes);
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;
  ~failing_disk() noexcept;

  [[nodiscard]] bool is_mounted() const noexcept { return is_mounted_; }
  [[nodiscard]] std::filesystem::path path() const { return scratch_.path() / "disk"; }

  /// Writes everything out and forgets what is cached: reads go to the disk from here on.
  void settle();

  /// From here on only the first `bytes` of the disk can be read.
  void fail_after(std::uint64_t bytes);

private:
  bool mount(const char* options);
  void unmount() noexcept;

  temporary_directory scratch_{std::filesystem::current_path()};
  bool is_mounted_ = false;
};

} // namespace ckpt::tests
