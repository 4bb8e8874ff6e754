// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A mapping that can only be read, opened up for a moment: most drivers pin only pages that the process may
// write, even if nobody ever does.

#include <cstddef>
#include <span>

namespace ckpt::gpu {

class writable_pages {
public:
  /// Makes whole pages of a shared mapping of a file in memory (tmpfs) writable as long as it lives; they can
  /// only be read before and after. What is pinned meanwhile stays pinned. The file keeps its modification
  /// time. Throws std::system_error: the file was opened for reading alone, has become shorter, or the kernel
  /// is older than 5.14.
  explicit writable_pages(std::span<const std::byte> pages);
  writable_pages(const writable_pages&) = delete;
  writable_pages& operator=(const writable_pages&) = delete;
  ~writable_pages() noexcept;

private:
  std::span<std::byte> pages_;
};

} // namespace ckpt::gpu
