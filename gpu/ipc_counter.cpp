// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/ipc_counter.hpp"

#include <atomic>
#include <cstdio>
#include <new>
#include <random>

namespace ckpt::gpu {
namespace {

constexpr auto file_prefix = "ckpt-actor-counter-";

// torch: one cache line with the number of slots in use, then 10,000 slots.
constexpr std::uint64_t header_bytes = 64;
constexpr std::uint64_t slots = 10'000;
constexpr std::uint64_t counter_bytes = header_bytes + slots * sizeof(std::int64_t);
static_assert(counter_bytes == 80'064);

std::string random_name() {
  std::random_device random;
  char text[48];
  std::snprintf(text, sizeof text, "%s%08x%08x%08x", file_prefix, random(), random(), random());
  return text;
}

template <class Number>
Number& at(std::span<std::byte> memory, std::uint64_t offset) noexcept {
  return *std::launder(reinterpret_cast<Number*>(memory.data() + offset));
}

} // namespace

ipc_counter::ipc_counter(const std::filesystem::path& directory)
    : file_{directory, counter_bytes, "a reference counter"} {
  remove_stale_files(directory, file_prefix);
  // How many processes have the file in use. The consumer counts itself in and out again, and would remove
  // the file if nobody were left.
  at<std::int32_t>(file_.bytes(), 0) = 1;
  at<std::int64_t>(file_.bytes(), header_bytes + slot() * sizeof(std::int64_t)) = 1;
  file_.publish(random_name());
}

bool ipc_counter::is_released() const noexcept {
  return std::atomic_ref{at<std::int64_t>(file_.bytes(), header_bytes + slot() * sizeof(std::int64_t))}.load(
             std::memory_order_acquire)
         <= 0;
}

} // namespace ckpt::gpu
