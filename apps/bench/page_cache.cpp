// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/page_cache.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::apps::bench {
namespace {

constexpr std::size_t piece_bytes = 4 << 20;

io::fd open(const std::filesystem::path& path) {
  io::fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file)
    throw io::system_failure(errno, "open", path.native());
  return file;
}

} // namespace

void flush(const file_list& files) {
  for (const auto& path : files)
    if (::fsync(open(path).number()) != 0)
      throw io::system_failure(errno, "fsync", path.native());
}

void drop(const file_list& files) {
  flush(files);
  for (const auto& path : files)
    ::posix_fadvise(open(path).number(), 0, 0, POSIX_FADV_DONTNEED);
}

void warm_up(const file_list& files) {
  std::vector<char> piece(piece_bytes);
  for (const auto& path : files) {
    const auto file = open(path);
    while (true) {
      const auto count = ::read(file.number(), piece.data(), piece.size());
      if (count == 0)
        break;
      if (count < 0 && errno != EINTR)
        throw io::system_failure(errno, "read", path.native());
    }
  }
}

double cached_fraction(const file_list& files) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t cached = 0;
  std::size_t pages = 0;
  std::vector<unsigned char> resident;
  for (const auto& path : files) {
    const auto bytes = std::filesystem::file_size(path);
    if (bytes == 0)
      continue;
    const auto file = open(path);
    void* map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.number(), 0);
    if (map == MAP_FAILED)
      throw io::system_failure(errno, "mmap", path.native());
    resident.assign((bytes + page - 1) / page, 0);
    ::mincore(map, bytes, resident.data());
    ::munmap(map, bytes);
    pages += resident.size();
    cached += static_cast<std::size_t>(std::count_if(resident.begin(), resident.end(),
                                                     [](unsigned char flags) { return (flags & 1) != 0; }));
  }
  return pages == 0 ? 0 : static_cast<double>(cached) / static_cast<double>(pages);
}

} // namespace ckpt::apps::bench
