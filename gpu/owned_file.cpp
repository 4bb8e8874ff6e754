// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/owned_file.hpp"

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

[[noreturn]] void fail(int error_number, const std::string& what) {
  throw std::system_error{error_number, std::generic_category(), what};
}

} // namespace

std::string random_text() {
  std::random_device random;
  char text[17];
  std::snprintf(text, sizeof text, "%08x%08x", random(), random());
  return text;
}

unsigned remove_stale_files(const std::filesystem::path& directory, std::string_view prefix) noexcept {
  unsigned removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{directory, error}, end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(prefix))
      continue;
    // Anybody may put a pipe there: opening it must not wait.
    const int file = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
      continue; // Another user's, or gone already.
    struct stat status {};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(file);
      continue;
    }
    // An owner holds the lock as long as it lives. Only its own user may remove the file.
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::unlink(entry->path().c_str()) == 0)
      ++removed;
    ::close(file);
  }
  return removed;
}

owned_file::owned_file(std::filesystem::path directory, std::uint64_t bytes, std::string_view purpose)
    : directory_{std::move(directory)} {
  assert(bytes > 0);
  const auto what = std::string{purpose} + " in " + directory_.string();
  // The file is locked before it gets its name, so that nobody can find it unlocked and take it for a
  // leftover.
  file_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0)
    fail(errno, "create " + what);
  const auto give_up = [&](int error, const std::string& call) {
    ::close(file_);
    fail(error, call);
  };
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
    give_up(errno, "lock " + what);
  if (const int error = ::posix_fallocate(file_, 0, static_cast<off_t>(bytes)); error != 0)
    give_up(error, "reserve " + std::to_string(bytes) + " bytes for " + what);
  // No MAP_POPULATE: the pages are reserved, and their first use maps them, while nobody waits for this.
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
  if (base == MAP_FAILED)
    give_up(errno, "map " + std::to_string(bytes) + " bytes for " + what);
  bytes_ = {static_cast<std::byte*>(base), bytes};
}

owned_file::~owned_file() noexcept {
  hide();
  ::munmap(bytes_.data(), bytes_.size());
  ::close(file_);
}

void owned_file::publish(const std::string& name) {
  assert(path_.empty());
  const auto path = directory_ / name;
  const auto source = "/proc/self/fd/" + std::to_string(file_);
  if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0)
    fail(errno, "give shared memory the name " + path.string());
  path_ = path;
}

void owned_file::hide() noexcept {
  if (path_.empty())
    return;
  ::unlink(path_.c_str());
  path_.clear();
}

} // namespace ckpt::gpu
