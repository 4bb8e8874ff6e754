// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The mapping behind the slabs, laid out so that the kernel can back it with huge pages: pinning and reading
// into 2 MiB pages costs a fraction of what 512 small ones cost.

#include "io/read/slab_pool.hpp"

#include "io/error.hpp"
#include "io/extent.hpp"
#include "io/read/source_file.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <limits>
#include <string>

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ckpt::io {

namespace {

constexpr std::uint64_t huge_page_bytes = 2 << 20;

std::byte* map_aligned(std::uint64_t bytes) {
  // The kernel promises the alignment of a small page only: map more, and give back what sticks out.
  void* raw =
      ::mmap(nullptr, bytes + huge_page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED)
    throw system_failure(errno, "mmap", std::to_string(bytes) + " bytes of staging memory");
  auto* begin = static_cast<std::byte*>(raw);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const auto before = align_up(address, huge_page_bytes) - address;
  if (before > 0)
    ::munmap(begin, before);
  ::munmap(begin + before + bytes, huge_page_bytes - before);
  return begin + before;
}

/// Makes the kernel allocate the pages of `memory` on `node` as long as there is room.
bool bind(std::span<std::byte> memory, unsigned node) {
  constexpr unsigned nodes_max = 1024; // As many as the kernel can be built for.
  constexpr unsigned bits = 8 * sizeof(unsigned long);
  if (node >= nodes_max)
    return false;
  std::array<unsigned long, nodes_max / bits> mask{};
  mask[node / bits] = 1UL << (node % bits);
  return ::syscall(SYS_mbind, memory.data(), memory.size(), MPOL_PREFERRED, mask.data(), nodes_max, 0) == 0;
}

} // namespace

slab_pool::slab_pool(std::uint32_t count, std::uint64_t slab_bytes)
    : count_{count}, slab_bytes_{slab_bytes}, taken_(count, false) {
  assert(count > 0 && slab_bytes > 0 && slab_bytes % page_bytes == 0);
  if (slab_bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()} / count)
    throw system_failure(ENOMEM, "mmap", "staging memory");
  free_.reserve(count);
  take_all_back();
  base_ = map_aligned(count_ * slab_bytes_);
  // Advice only: small pages work as well.
  ::madvise(base_, count_ * slab_bytes_, MADV_HUGEPAGE);
  // After a fork, copy-on-write could move a page away from a read that is under way into it.
  ::madvise(base_, count_ * slab_bytes_, MADV_DONTFORK);
}

slab_pool::~slab_pool() noexcept {
  if (!abandoned_)
    ::munmap(base_, count_ * slab_bytes_);
}

bool slab_pool::place_on(std::span<const unsigned> nodes) {
  bool all_placed = true;
  nodes_.assign(count_, 0);
  for (std::size_t share = 0; share < nodes.size(); ++share) {
    const auto begin = static_cast<slab_index>(share * count_ / nodes.size());
    const auto end = static_cast<slab_index>((share + 1) * count_ / nodes.size());
    std::fill(nodes_.begin() + begin, nodes_.begin() + end, nodes[share]);
    all_placed = bind({base_ + begin * slab_bytes_, (end - begin) * slab_bytes_}, nodes[share]) && all_placed;
  }
  return all_placed;
}

std::optional<slab_index> slab_pool::take(std::optional<unsigned> node) {
  if (free_.empty())
    return std::nullopt;
  auto chosen = free_.rbegin();
  if (node && !nodes_.empty()) {
    const auto near =
        std::find_if(free_.rbegin(), free_.rend(), [&](slab_index slab) { return nodes_[slab] == *node; });
    if (near != free_.rend())
      chosen = near;
  }
  const auto slab = *chosen;
  free_.erase(std::next(chosen).base());
  taken_[slab] = true;
  return slab;
}

void slab_pool::give_back(slab_index slab) {
  assert(slab < count_ && taken_[slab]);
  taken_[slab] = false;
  free_.push_back(slab);
}

void slab_pool::take_all_back() noexcept {
  free_.clear();
  for (auto slab = count_; slab > 0; --slab)
    free_.push_back(slab - 1);
  taken_.assign(count_, false);
}

std::span<std::byte> slab_pool::bytes(slab_index slab) noexcept {
  assert(slab < count_);
  const auto moved = moved_.find(slab);
  return {moved == moved_.end() ? base_ + slab * slab_bytes_ : moved->second, slab_bytes_};
}

void slab_pool::move(slab_index slab) {
  assert(slab < count_);
  abandon();
  moved_[slab] = map_aligned(slab_bytes_);
}

} // namespace ckpt::io
