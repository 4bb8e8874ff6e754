// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tells whether an open file is still as it was: taken when it is opened, compared when it has been
// read. Asked of the descriptor that is read, so that names and links may change meanwhile. What is stored
// through a mapping of the file (mmap) need not show. Any thread.

#include <cstdint>
#include <string>

namespace ckpt::io {

struct file_stamp {
  std::uint64_t device = 0; ///< st_dev of the file behind the links
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0; ///< st_mtim, nanoseconds since the epoch: may be set back at will
  std::int64_t changed_ns = 0;  ///< st_ctim: moves with every write and change of attributes, cannot be set
  std::uint64_t links = 0;      ///< names that the file has
  std::string name;             ///< as the kernel knows it now; empty where it does not tell
};

/// The stamp of `file`, on network file systems as the server has it. Throws std::system_error naming
/// `file_name`.
[[nodiscard]] file_stamp stamp_of(int file, const std::string& file_name);

/// The same, once every later write is sure to show: time stamps move with the kernel's tick, or with the
/// seconds, and two writes in between leave the same. Waits for the next one when the file was written just
/// now.
[[nodiscard]] file_stamp settled_stamp_of(int file, const std::string& file_name);

/// In what respect the file has changed, as the end of a sentence about it; empty when it is as it was. That
/// it was renamed, linked or removed is no change.
[[nodiscard]] std::string describe_change(const file_stamp& before, const file_stamp& now);

} // namespace ckpt::io
