// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The page cache is driven with fsync and posix_fadvise, and looked at with mincore, independently of the
// code under test.

#include "tests/support/random_file.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <random>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

namespace ckpt::tests {

namespace {

io::fd open_for_reading(const std::filesystem::path& path) {
  io::fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file)
    throw io::system_failure(errno, "open", path.native());
  return file;
}

} // namespace

std::vector<std::byte> write_random_file(const std::filesystem::path& path, std::uint64_t bytes,
                                         std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<std::uint64_t> words((bytes + 7) / 8);
  std::generate(words.begin(), words.end(), random);
  const auto* begin = reinterpret_cast<const std::byte*>(words.data());
  std::vector<std::byte> content(begin, begin + bytes);
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(bytes));
  out.close();
  if (!out)
    throw io::system_failure(errno, "write", path.native());
  return content;
}

io::checkpoint_file describe(const std::filesystem::path& path) {
  struct statfs system {};
  io::checkpoint_file file;
  file.path = path;
  file.descriptor = std::make_shared<const io::fd>(open_for_reading(path));
  if (::fstatfs(file.descriptor->number(), &system) != 0)
    throw io::system_failure(errno, "fstatfs", path.native());
  file.stamp = io::settled_stamp_of(file.descriptor->number(), path.native());
  file.bytes = file.stamp.bytes;
  file.in_memory = system.f_type == TMPFS_MAGIC;
  return file;
}

void make_cold(const std::filesystem::path& path) {
  const auto file = open_for_reading(path);
  ::fsync(file.number());
  ::posix_fadvise(file.number(), 0, 0, POSIX_FADV_DONTNEED);
}

void make_warm(const std::filesystem::path& path) {
  const auto file = open_for_reading(path);
  ::fsync(file.number());
  std::array<char, 65536> buffer;
  while (::read(file.number(), buffer.data(), buffer.size()) > 0) {
  }
}

std::uint64_t cached_pages(const std::filesystem::path& path) {
  const auto file = open_for_reading(path);
  const auto bytes = std::filesystem::file_size(path);
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((bytes + page - 1) / page);
  void* map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.number(), 0);
  if (map == MAP_FAILED)
    throw io::system_failure(errno, "mmap", path.native());
  ::mincore(map, bytes, resident.data());
  ::munmap(map, bytes);
  return static_cast<std::uint64_t>(
      std::count_if(resident.begin(), resident.end(), [](unsigned char flags) { return (flags & 1) != 0; }));
}

} // namespace ckpt::tests
