// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Detects whether a file was written to while it was open: take a stamp when it is opened, compare when it
// has been read. The stamp is that of the descriptor, so names and links may change meanwhile. Hazard: stores
// through a mapping of the file (mmap) may leave the stamp as it is. Any thread.

#include <cstdint>
#include <string>

namespace ckpt::io {

struct file_stamp {
  std::uint64_t device = 0; ///< st_dev of the file behind the links
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0; ///< st_mtim, nanoseconds since the epoch: any program can set it back
  std::int64_t changed_ns = 0;  ///< st_ctim: moves with every write and change of attributes, cannot be set
  std::uint64_t links = 0;      ///< names that the file has
  std::string name;             ///< the present name by the kernel; empty if unknown
};

/// The stamp of `file`; on network file systems that of the server. Throws std::system_error naming
/// `file_name`.
[[nodiscard]] file_stamp stamp_of(int file, const std::string& file_name);

/// The same, but any later write is sure to change it. Time stamps advance with the kernel's tick, or only
/// once a second, and two writes in between leave the same stamp. So this waits for the next tick if the file
/// was written just now.
[[nodiscard]] file_stamp settled_stamp_of(int file, const std::string& file_name);

/// How the file has changed, as the end of a sentence about it; empty when it has not. Renaming, linking or
/// removing it is no change.
[[nodiscard]] std::string describe_change(const file_stamp& before, const file_stamp& now);

} // namespace ckpt::io
