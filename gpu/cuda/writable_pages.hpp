// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Makes a read-only mapping writable for a moment: most drivers pin only pages that the process may write,
// even if it never writes.

#include <cstddef>
#include <span>

namespace ckpt::gpu {

class writable_pages {
public:
  /// Makes whole pages of a shared mapping of a file in memory (tmpfs) writable while this lives; before and
  /// after they are read-only. Pages pinned meanwhile stay pinned. The file keeps its modification time.
  /// Throws std::system_error: the file is open for reading only, has become shorter, or the kernel is older
  /// than 5.14.
  explicit writable_pages(std::span<const std::byte> pages);
  writable_pages(const writable_pages&) = delete;
  writable_pages& operator=(const writable_pages&) = delete;
  ~writable_pages() noexcept;

private:
  std::span<std::byte> pages_;
};

} // namespace ckpt::gpu
