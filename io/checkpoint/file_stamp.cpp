// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/file_stamp.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ckpt::io {

namespace {

using namespace std::chrono_literals;

/// The kernel's tick is 10 ms at most.
constexpr auto tick_max = 20ms;

template <class Time>
std::int64_t nanoseconds(const Time& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// The path that the descriptor was opened by, as later renames have left it.
std::string name_behind(int file) {
  std::array<char, 4096> name{};
  const auto length = ::readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), name.data(), name.size());
  return length > 0 ? std::string{name.data(), static_cast<std::size_t>(length)} : std::string{};
}

file_stamp stamp_by_fstat(int file, const std::string& file_name) {
  struct stat status {};
  if (::fstat(file, &status) != 0)
    throw system_failure(errno, "fstat", file_name);
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim),
          .links = status.st_nlink,
          .name = name_behind(file)};
}

/// Some file systems keep whole seconds.
std::chrono::nanoseconds resolution_of(const file_stamp& stamp) {
  return stamp.changed_ns % 1'000'000'000 == 0 ? 1s : 1ns;
}

/// The clock from which the kernel takes file time stamps.
std::int64_t tick_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return nanoseconds(now);
}

} // namespace

file_stamp stamp_of(int file, const std::string& file_name) {
  // Network file systems answer fstat from a cache that may be seconds old.
  struct statx status {};
  if (::statx(file, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status) != 0) {
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM) // an old sandbox
      return stamp_by_fstat(file, file_name);
    throw system_failure(errno, "statx", file_name);
  }
  return {.device = ::makedev(status.stx_dev_major, status.stx_dev_minor),
          .inode = status.stx_ino,
          .bytes = status.stx_size,
          .modified_ns = nanoseconds(status.stx_mtime),
          .changed_ns = nanoseconds(status.stx_ctime),
          .links = status.stx_nlink,
          .name = name_behind(file)};
}

file_stamp settled_stamp_of(int file, const std::string& file_name) {
  auto stamp = stamp_of(file, file_name);
  const auto resolution = resolution_of(stamp);
  const auto deadline = std::chrono::steady_clock::now() + resolution + tick_max;
  // A file server's clock may be far ahead of ours: this does not wait for it. A file may be written all the
  // time: the wait ends at the deadline, and the next write shows anyway.
  for (;;) {
    const auto unsettled = std::chrono::nanoseconds{stamp.changed_ns - tick_ns()} + resolution;
    if (unsettled <= 0ns || unsettled > resolution + tick_max || std::chrono::steady_clock::now() > deadline)
      return stamp;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(unsettled, 1ms));
    stamp = stamp_of(file, file_name);
  }
}

std::string describe_change(const file_stamp& before, const file_stamp& now) {
  if (now.device != before.device || now.inode != before.inode)
    return "was replaced by another file after it was opened";
  if (now.bytes != before.bytes)
    return "was written to after it was opened: its size changed from " + std::to_string(before.bytes)
           + " to " + std::to_string(now.bytes) + " bytes";
  if (now.modified_ns != before.modified_ns)
    return "was written to after it was opened: its modification time changed";
  // Adding, changing or removing a name moves the status change time, too.
  if (now.changed_ns != before.changed_ns && now.links == before.links && now.name == before.name)
    return "was written to or its attributes changed (owner, permissions) after it was opened: its status "
           "change time moved";
  return {};
}

} // namespace ckpt::io
