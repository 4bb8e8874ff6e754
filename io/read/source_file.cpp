// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Opening a checkpoint file in every way it can be read, and asking the kernel how much of it is in memory.

#include "io/read/source_file.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ckpt::io {

namespace {

// cachestat(2) is younger than the C libraries we build with. The number is the same on all architectures.
constexpr long cachestat_number = 451;

struct cachestat_range {
  std::uint64_t offset;
  std::uint64_t length;
};

struct cachestat_counts {
  std::uint64_t cached;
  std::uint64_t dirty;
  std::uint64_t in_writeback;
  std::uint64_t evicted;
  std::uint64_t recently_evicted;
};

bool query_cachestat(int file, extent range, cachestat_counts& counts) noexcept {
  cachestat_range query{range.offset, range.length};
  return ::syscall(cachestat_number, file, &query, &counts, 0) == 0;
}

/// The size of a page of the page cache, which is not page_bytes on every architecture.
std::uint64_t kernel_page_bytes() noexcept { return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)); }

residency classify(std::uint64_t cached_pages, std::uint64_t pages) noexcept {
  if (cached_pages == 0)
    return residency::none;
  return cached_pages >= pages ? residency::all : residency::part;
}

residency residency_by_mincore(const std::byte* map, extent pages, std::uint64_t page) noexcept {
  std::array<unsigned char, 1024> resident{};
  std::uint64_t cached = 0;
  for (auto offset = pages.offset; offset < pages.end(); offset += resident.size() * page) {
    const auto length = std::min<std::uint64_t>(pages.end() - offset, resident.size() * page);
    // mincore changes nothing; its parameter merely lacks the const.
    if (::mincore(const_cast<std::byte*>(map + offset), length, resident.data()) != 0)
      return residency::unknown;
    cached += static_cast<std::uint64_t>(std::count_if(resident.begin(), resident.begin() + length / page,
                                                       [](unsigned char flags) { return (flags & 1) != 0; }));
  }
  return classify(cached, pages.length / page);
}

/// True when both are open on one file.
bool is_same(int one, int other) noexcept {
  struct stat status {};
  struct stat other_status {};
  return ::fstat(one, &status) == 0 && ::fstat(other, &other_status) == 0
         && status.st_dev == other_status.st_dev && status.st_ino == other_status.st_ino;
}

/// A path that leads to the open file wherever it lies now.
std::array<char, 32> name_in_proc(int file) noexcept {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "/proc/self/fd/%d", file);
  return name;
}

/// False when direct reads of whole pages into whole pages are known to be refused. Old kernels do not tell.
bool takes_page_aligned_reads(int file) noexcept {
  struct statx status {};
  if (::statx(file, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0
      || (status.stx_mask & STATX_DIOALIGN) == 0)
    return true;
  const auto fits = [](std::uint32_t alignment) { return alignment != 0 && page_bytes % alignment == 0; };
  return fits(status.stx_dio_mem_align) && fits(status.stx_dio_offset_align);
}

} // namespace

source_file::source_file(const checkpoint_file& expected, const source_file_options& options)
    : path_{expected.path.native()}, bytes_{expected.bytes}, buffered_{expected.descriptor},
      in_memory_{expected.in_memory} {
  require_unchanged(expected);
  if (in_memory_) {
    map(buffered_->number());
    return;
  }
  // No read-ahead: windows are read in our own order, and another host may read the bytes between them.
  ::posix_fadvise(buffered_->number(), 0, 0, POSIX_FADV_RANDOM);
  if (options.direct)
    open_direct();
  choose_probe(options);
}

/// Opens the same file once more, whatever its path leads to now. Empty, with errno, when that fails.
fd source_file::reopen(int flags) const noexcept {
  fd again{::open(name_in_proc(buffered_->number()).data(), flags | O_CLOEXEC)};
  if (again || errno != ENOENT)
    return again;
  again = fd{::open(path_.c_str(), flags | O_CLOEXEC | O_NONBLOCK)}; // There may be no /proc.
  if (again && !is_same(again.number(), buffered_->number())) {
    again.reset();
    errno = ENOENT;
  }
  return again;
}

void source_file::open_direct() {
  auto direct = reopen(O_RDONLY | O_DIRECT);
  if (!direct) {
    if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOENT)
      return;
    throw system_failure(errno, "open", path_);
  }
  if (takes_page_aligned_reads(direct.number()))
    direct_ = std::move(direct);
}

void source_file::choose_probe(const source_file_options& options) {
  cachestat_counts counts{};
  if (options.probe == residency_probe::automatic
      && query_cachestat(buffered_->number(), {0, page_bytes}, counts)) {
    probe_ = residency_probe::automatic;
    return;
  }
  if (options.probe == residency_probe::nothing || bytes_ == 0)
    return;
  // mincore calls every page resident for users who neither own the file nor may write to it.
  struct stat status {};
  if (::fstat(buffered_->number(), &status) != 0)
    return;
  if (::geteuid() != status.st_uid
      && ::faccessat(AT_FDCWD, name_in_proc(buffered_->number()).data(), W_OK, AT_EACCESS) != 0)
    return;
  map(buffered_->number());
  probe_ = residency_probe::mincore;
}

void source_file::map(int file) {
  if (bytes_ == 0)
    return;
  void* begin = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file, 0);
  if (begin == MAP_FAILED)
    throw system_failure(errno, "mmap", path_);
  // A child process has no use for the mapping, and fork() is faster without it.
  ::madvise(begin, bytes_, MADV_DONTFORK);
  map_ = {static_cast<const std::byte*>(begin), unmapper{bytes_}};
}

void source_file::unmapper::operator()(const std::byte* begin) const noexcept {
  ::munmap(const_cast<std::byte*>(begin), bytes);
}

residency source_file::residency_of(extent range) const noexcept {
  if (in_memory_)
    return residency::all;
  const auto end = std::min(range.end(), bytes_);
  if (end <= range.offset)
    return residency::none;
  const auto page = kernel_page_bytes();
  const auto pages = align_out({range.offset, end - range.offset}, page);
  cachestat_counts counts{};
  switch (probe_) {
  case residency_probe::automatic:
    if (!query_cachestat(buffered_->number(), pages, counts))
      return residency::unknown;
    return classify(counts.cached, pages.length / page);
  case residency_probe::mincore:
    return residency_by_mincore(map_.get(), pages, page);
  case residency_probe::nothing:
    break;
  }
  return residency::unknown;
}

void source_file::drop_from_cache(extent range) const noexcept {
  ::posix_fadvise(buffered_->number(), static_cast<off_t>(range.offset), static_cast<off_t>(range.length),
                  POSIX_FADV_DONTNEED);
}

} // namespace ckpt::io
