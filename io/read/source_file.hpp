// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One checkpoint file opened for reading in every way that suits it: through the page cache, directly around
// it, or mapped where its pages are memory already (tmpfs). Immutable once open; any thread may read through
// it.

#include "io/checkpoint/checkpoint.hpp"
#include "io/extent.hpp"
#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ckpt::io {

/// How much of a range of a file sits in the page cache.
enum class residency : std::uint8_t { none, part, all, unknown };

/// How residency is found out: cachestat(2) where the kernel has it (Linux 6.5), else mincore(2).
enum class residency_probe : std::uint8_t { automatic, mincore, nothing };

/// How to open a file. Only tests and measurements change `direct` and `probe`.
struct source_file_options {
  bool direct = true; ///< false: as on a file system without O_DIRECT
  residency_probe probe = residency_probe::automatic;
};

class source_file {
public:
  /// Reads through the descriptor of `expected`; other descriptors are opened through that one, not through
  /// the path. Throws std::system_error, or checkpoint_error when the file has been written to since its
  /// header was read.
  explicit source_file(const checkpoint_file& expected, const source_file_options& options = {});

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  /// For reads through the page cache. The kernel reads ahead nothing beyond what each read asks for.
  [[nodiscard]] int buffered_fd() const noexcept { return buffered_->number(); }

  /// For reads around it; -1 where the file system has no O_DIRECT or wants blocks larger than page_bytes.
  [[nodiscard]] int direct_fd() const noexcept { return direct_.number(); }

  /// Start of the whole file in memory when it lies on tmpfs, else null. Hazard: reading a page that was
  /// truncated away raises SIGBUS, so copy from here only under a fault guard.
  [[nodiscard]] const std::byte* mapping() const noexcept { return in_memory_ ? map_.get() : nullptr; }

  /// How much of `range` sits in the page cache now. Unknown for a file that this user neither owns nor may
  /// write.
  [[nodiscard]] residency residency_of(extent range) const noexcept;

  /// True when every page of `range` sits in the page cache now. False when that cannot be known.
  [[nodiscard]] bool is_cached(extent range) const noexcept { return residency_of(range) == residency::all; }

  /// Drops the clean pages of `range` from the page cache. Only for pages that our own read brought there.
  void drop_from_cache(extent range) const noexcept;

private:
  struct unmapper {
    std::uint64_t bytes;
    void operator()(const std::byte* begin) const noexcept;
  };

  void open_direct();
  void choose_probe(const source_file_options& options);
  void map(int file);
  [[nodiscard]] fd reopen(int flags) const noexcept;

  std::string path_;
  std::uint64_t bytes_ = 0;
  std::shared_ptr<const fd> buffered_;
  fd direct_;
  std::unique_ptr<const std::byte, unmapper> map_; ///< on tmpfs, or for mincore, which wants an address
  bool in_memory_ = false;
  residency_probe probe_ = residency_probe::nothing;
};

} // namespace ckpt::io
