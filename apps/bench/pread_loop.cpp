// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/pread_loop.hpp"

#include "apps/bench/stopwatch.hpp"
#include "io/error.hpp"
#include "io/extent.hpp"
#include "io/fd.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace ckpt::apps::bench {
namespace {

struct piece {
  int file = -1;
  io::extent bytes;
};

/// Takes pieces until none is left. Returns an errno, or 0.
int read_pieces(const std::vector<piece>& pieces, std::atomic<std::size_t>& next, std::vector<char>& buffer) {
  for (auto index = next++; index < pieces.size(); index = next++) {
    const auto& [file, bytes] = pieces[index];
    for (std::uint64_t done = 0; done < bytes.length;) {
      const auto count =
          ::pread(file, buffer.data() + done, bytes.length - done, static_cast<off_t>(bytes.offset + done));
      if (count == 0)
        return EIO; // The file became shorter.
      if (count < 0 && errno != EINTR)
        return errno;
      if (count > 0)
        done += static_cast<std::uint64_t>(count);
    }
  }
  return 0;
}

} // namespace

measurement read_with_pread(const file_list& files, unsigned threads, std::uint64_t piece_bytes) {
  std::vector<io::fd> open_files;
  std::vector<piece> pieces;
  std::uint64_t total_bytes = 0;
  for (const auto& path : files) {
    open_files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!open_files.back())
      throw io::system_failure(errno, "open", path.native());
    const std::uint64_t file_bytes = std::filesystem::file_size(path);
    for (std::uint64_t offset = 0; offset < file_bytes; offset += piece_bytes)
      pieces.push_back({open_files.back().number(), {offset, std::min(piece_bytes, file_bytes - offset)}});
    total_bytes += file_bytes;
  }
  std::vector<std::vector<char>> buffers(threads, std::vector<char>(piece_bytes, 1));
  std::vector<int> errors(threads, 0);
  std::atomic<std::size_t> next = 0;

  const stopwatch watch;
  {
    std::vector<std::jthread> readers;
    for (unsigned i = 0; i < threads; ++i)
      readers.emplace_back([&, i] { errors[i] = read_pieces(pieces, next, buffers[i]); });
  }
  const auto result = watch.stop(total_bytes);
  for (const auto error : errors)
    if (error != 0)
      throw io::system_failure(error, "pread", files.front().parent_path().native());
  return result;
}

} // namespace ckpt::apps::bench
