// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The progress of one read request, which may take several system calls: which descriptor to read, from
// where, and what a short read or an errno means. The readers share these rules and differ only in how they
// make the calls. Makes no call that reads; one thread at a time uses an object.
//
//   window       |----------|----------|----------|----------|     whole pages
//   needed       |--------------------------------------|          less at the end of a file or bucket
//   read so far  |-----------------|
//   next direct             |------------------------------->      from the last whole page: aligned
//   next cached                    |------------------------>      from the next byte

#include "io/read/chunk_reader.hpp"

namespace ckpt::io {

class read_progress {
public:
  /// The next system call.
  struct call {
    int file = -1;
    std::byte* destination = nullptr;
    unsigned length = 0;
    std::uint64_t offset = 0;
    read_path path = read_path::direct;
  };

  read_progress() = default;

  /// Begins with `request`: looks up how much of its window is in the page cache, and chooses the path.
  explicit read_progress(const read_request& request);

  [[nodiscard]] call next_call() const noexcept;

  /// True when all of the window was in the page cache: no wait for a disk.
  [[nodiscard]] bool is_copy() const noexcept { return is_copy_; }

  enum class state : std::uint8_t { unfinished, finished };

  /// Takes the result of the last call: bytes, or a negative errno.
  [[nodiscard]] state advance(int outcome) noexcept;

  /// Once finished.
  [[nodiscard]] read_result result() const noexcept;

private:
  [[nodiscard]] state go_on_through_cache() noexcept;
  [[nodiscard]] state finish(std::error_code error) noexcept;

  read_request request_;
  std::uint64_t done_bytes_ = 0;
  unsigned interruptions_ = 0; ///< since bytes last came
  read_path path_ = read_path::direct;
  bool is_copy_ = false;
  bool drop_after_ = false; ///< the page cache held nothing of the window, and this read fills it
  std::error_code error_;
};

} // namespace ckpt::io
