// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/ipc_counter.hpp"

#include <atomic>
#include <new>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

std::string file_prefix(const std::string& uuid) { return "ckpt-actor-counter-" + uuid + "-"; }

// torch: one cache line with the number of slots in use, then 10,000 slots.
constexpr std::uint64_t header_bytes = 64;
constexpr std::uint64_t slots = 10'000;
constexpr std::uint64_t counter_bytes = header_bytes + slots * sizeof(std::int64_t);
static_assert(counter_bytes == 80'064);

template <class Number>
Number& at(std::span<std::byte> memory, std::uint64_t offset) noexcept {
  return *std::launder(reinterpret_cast<Number*>(memory.data() + offset));
}

std::int32_t& users_in(std::span<std::byte> memory) noexcept { return at<std::int32_t>(memory, 0); }

std::int64_t& slot_in(std::span<std::byte> memory, std::uint64_t slot) noexcept {
  return at<std::int64_t>(memory, header_bytes + slot * sizeof(std::int64_t));
}

} // namespace

ipc_counter::ipc_counter(const std::string& uuid, const std::filesystem::path& directory)
    : file_{directory, counter_bytes, "a reference counter"} {
  // How many processes have the file in use. The consumer counts itself in and out again, and would remove
  // the file if nobody were left.
  users_in(file_.bytes()) = 1;
  slot_in(file_.bytes(), slot()) = 1;
  file_.publish(file_prefix(uuid) + random_text());
}

unsigned ipc_counter::remove_stale(const std::filesystem::path& directory, const std::string& uuid) noexcept {
  return remove_stale_files(directory, file_prefix(uuid));
}

bool ipc_counter::is_released() const noexcept {
  return std::atomic_ref{slot_in(file_.bytes(), slot())}.load(std::memory_order_acquire) <= 0;
}

bool sign_off(const std::string& name, std::uint64_t slot) noexcept {
  const int file = ::shm_open(name.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (file < 0)
    return false;
  struct stat about {};
  void* base = MAP_FAILED;
  if (slot < slots && ::fstat(file, &about) == 0
      && static_cast<std::uint64_t>(about.st_size) >= counter_bytes)
    base = ::mmap(nullptr, counter_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (base == MAP_FAILED)
    return false;
  const std::span memory{static_cast<std::byte*>(base), counter_bytes};
  std::atomic_ref users{users_in(memory)};
  ++users;
  std::atomic_ref{slot_in(memory, slot)}.fetch_sub(1, std::memory_order_release);
  if (--users == 0)
    ::shm_unlink(name.c_str());
  ::munmap(base, counter_bytes);
  return true;
}

} // namespace ckpt::gpu
