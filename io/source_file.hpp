// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One checkpoint file held open for reading: through the page cache, directly around it, or mapped where its pages
// are memory already (tmpfs). Immutable once open; any thread may read through it.

#include "io/checkpoint.hpp"
#include "io/extent.hpp"
#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace ckpt::io {

/// Unit of windows, slabs and slots: the page size, and a multiple of every usual block size.
inline constexpr std::uint64_t page_bytes = 4096;

class source_file {
public:
  /// Opens the file. Throws std::system_error, or checkpoint_error when the file is no longer the one that
  /// `expected` describes (other inode, size or modification time).
  explicit source_file(const checkpoint_file& expected);
  source_file(source_file&&) noexcept;
  source_file& operator=(source_file&&) noexcept;
  ~source_file() noexcept;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  /// For reads through the page cache.
  [[nodiscard]] int buffered_fd() const noexcept { return buffered_.number(); }

  /// For reads around it; -1 where the file system has no O_DIRECT or wants blocks larger than page_bytes.
  [[nodiscard]] int direct_fd() const noexcept { return direct_.number(); }

  /// Start of the whole file in memory when it lies on tmpfs, else null. Reading a page that a truncation has taken
  /// away raises SIGBUS: copy from here only under a fault guard.
  [[nodiscard]] const std::byte* mapping() const noexcept { return mapping_; }

  /// True when every page of `range` sits in the page cache now. False when that cannot be known.
  [[nodiscard]] bool is_cached(extent range) const noexcept;

private:
  std::string path_;
  std::uint64_t bytes_ = 0;
  fd buffered_;
  fd direct_;
  const std::byte* mapping_ = nullptr;
  bool residency_is_visible_ = false; ///< mincore tells the truth only to owners and writers of a file
};

} // namespace ckpt::io
