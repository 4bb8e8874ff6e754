// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Reads the table of mounts, and the entries of sysfs for a device number.

#include "apps/bench/disk.hpp"

#include "io/error.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace ckpt::apps::bench {
namespace {

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw io::system_failure(errno, "stat", path.native());
  return status;
}

/// True when `path` is `directory` or below it.
bool is_in(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const auto relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

/// Source and file system of the mount that `path` belongs to.
disk find_mount(const std::filesystem::path& path, const std::filesystem::path& mounts) {
  disk found;
  std::size_t longest = 0;
  std::ifstream table{mounts};
  for (std::string line; std::getline(table, line);) {
    // id parent major:minor root mount-point options [tags…] - type source options
    std::istringstream words{line};
    std::string skipped;
    std::string mount_point;
    words >> skipped >> skipped >> skipped >> skipped >> mount_point;
    while (words >> skipped && skipped != "-") {
    }
    disk mounted;
    words >> mounted.file_system >> mounted.source;
    // Of two mounts at the same place the later one is seen.
    if (words && mount_point.size() >= longest && is_in(path, mount_point)) {
      longest = mount_point.size();
      found = mounted;
    }
  }
  return found;
}

std::optional<unsigned> read_ahead_kib(dev_t device, const std::filesystem::path& sys) {
  const auto number = std::to_string(major(device)) + ":" + std::to_string(minor(device));
  // A partition uses its disk's queue. A network file system has no queue, but an entry in class/bdi.
  for (const auto& file : {sys / "dev/block" / number / "queue/read_ahead_kb",
                           sys / "dev/block" / number / "../queue/read_ahead_kb",
                           sys / "class/bdi" / number / "read_ahead_kb"}) {
    unsigned kib = 0;
    if (std::ifstream{file} >> kib)
      return kib;
  }
  return std::nullopt;
}

} // namespace

disk find_disk(const std::filesystem::path& path, const disk_records& records) {
  const auto device = status_of(path).st_dev;
  auto found = find_mount(std::filesystem::canonical(path), records.mounts);
  found.read_ahead_kib = read_ahead_kib(device, records.sys);
  // Some file systems report a device number of their own, not that of their disk.
  struct stat source {};
  if (!found.read_ahead_kib && ::stat(found.source.c_str(), &source) == 0 && S_ISBLK(source.st_mode))
    found.read_ahead_kib = read_ahead_kib(source.st_rdev, records.sys);
  return found;
}

std::string describe(const disk& found) {
  return (found.source.empty() ? "unknown" : found.source)
         + (found.file_system.empty() ? "" : " (" + found.file_system + ")") + ", read-ahead "
         + (found.read_ahead_kib ? std::to_string(*found.read_ahead_kib) + " KiB" : "unknown");
}

} // namespace ckpt::apps::bench
