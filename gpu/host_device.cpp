// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/host_device.hpp"

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

constexpr auto file_prefix = "ckpt-actor-ring-";

/// Random, so that two processes on one host can never be taken for one device.
std::string random_uuid() {
  std::random_device random;
  const auto word = [&] { return static_cast<unsigned>(random()); };
  const unsigned a = word(), b = word(), c = word(), d = word();
  char text[48];
  std::snprintf(text, sizeof text, "GPU-%08x-%04x-%04x-%04x-%04x%08x", a, b >> 16, b & 0xffff, c >> 16,
                c & 0xffff, d);
  return text;
}

[[noreturn]] void fail(int error_number, const std::string& what) {
  throw std::system_error{error_number, std::generic_category(), what};
}

} // namespace

unsigned remove_stale_rings(const std::filesystem::path& directory) noexcept {
  unsigned removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{directory, error}, end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(file_prefix))
      continue;
    const int file = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
      continue; // Another user's, or gone already.
    // An owner holds the lock as long as it lives. Only its own user may remove the file.
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::unlink(entry->path().c_str()) == 0)
      ++removed;
    ::close(file);
  }
  return removed;
}

host_device::host_device(unsigned index, std::filesystem::path directory)
    : uuid_{random_uuid()}, description_{"host memory " + std::to_string(index)},
      directory_{std::move(directory)}, stream_{"copy-" + std::to_string(index)} {}

host_device::~host_device() noexcept {
  hide_export();
  if (!ring_.empty())
    ::munmap(ring_.data(), ring_.size());
  if (file_ >= 0)
    ::close(file_);
}

void host_device::allocate_ring(std::uint64_t bytes) {
  assert(ring_.empty() && bytes > 0);
  remove_stale_rings(directory_);
  // The file is locked before it gets its name, so that nobody can find it unlocked and take it for a
  // leftover.
  file_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0)
    fail(errno, "create the ring of " + description_ + " in " + directory_.string());
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
    fail(errno, "lock the ring of " + description_);
  // Reserves every page: without it a full /dev/shm shows as SIGBUS in the middle of an update.
  if (const int error = ::posix_fallocate(file_, 0, static_cast<off_t>(bytes)); error != 0)
    fail(error, "reserve " + std::to_string(bytes) + " bytes in " + directory_.string() + " for the ring of "
                    + description_);
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file_, 0);
  if (base == MAP_FAILED)
    fail(errno, "map " + std::to_string(bytes) + " bytes for the ring of " + description_);
  ring_ = {static_cast<std::byte*>(base), bytes};
}

ring_export host_device::export_ring() {
  assert(!ring_.empty());
  const auto path = directory_ / (file_prefix + uuid_.substr(4));
  const auto source = "/proc/self/fd/" + std::to_string(file_);
  if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0)
    fail(errno, "name the ring of " + description_ + " " + path.string());
  path_ = path;
  return exported_file{path_.string(), ring_.size()};
}

void host_device::hide_export() noexcept {
  if (path_.empty())
    return;
  ::unlink(path_.c_str());
  path_.clear();
}

ticket host_device::copy(const std::byte* source, std::span<const copy_piece> pieces) {
  std::vector<host_stream::transfer> transfers;
  transfers.reserve(pieces.size());
  for (const auto& piece : pieces) {
    assert(piece.ring_offset + piece.length <= ring_.size());
    transfers.push_back({ring_.data() + piece.ring_offset, source + piece.source_offset, piece.length});
  }
  return stream_.enqueue(std::move(transfers));
}

queue_progress host_device::wait(ticket seen, std::chrono::milliseconds timeout) {
  return stream_.wait(seen, timeout);
}

host_collective::host_collective(std::vector<const host_device*> devices)
    : devices_{std::move(devices)}, stream_{"broadcast"} {}

ticket host_collective::broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) {
  std::vector<host_stream::transfer> transfers;
  const auto* source = devices_.at(root_rank)->ring().data() + ring_offset;
  for (const auto* target : devices_) {
    assert(ring_offset + length <= target->ring().size());
    if (target != devices_[root_rank])
      transfers.push_back({target->ring().data() + ring_offset, source, length});
  }
  return stream_.enqueue(std::move(transfers));
}

queue_progress host_collective::wait(ticket seen, std::chrono::milliseconds timeout) {
  return stream_.wait(seen, timeout);
}

} // namespace ckpt::gpu
