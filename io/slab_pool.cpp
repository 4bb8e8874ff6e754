// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The mapping behind the slabs, laid out so that the kernel can back it with huge pages: pinning and reading
// into 2 MiB pages costs a fraction of what 512 small ones cost.

#include "io/slab_pool.hpp"

#include "io/error.hpp"
#include "io/extent.hpp"
#include "io/source_file.hpp"

#include <cassert>
#include <cerrno>
#include <limits>
#include <string>

#include <sys/mman.h>

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

} // namespace

slab_pool::slab_pool(std::uint32_t count, std::uint64_t slab_bytes)
    : count_{count}, slab_bytes_{slab_bytes}, taken_(count, false) {
  assert(count > 0 && slab_bytes > 0 && slab_bytes % page_bytes == 0);
  if (slab_bytes > std::numeric_limits<std::int64_t>::max() / count)
    throw system_failure(ENOMEM, "mmap", "staging memory");
  free_.reserve(count);
  for (auto slab = count; slab > 0; --slab)
    free_.push_back(slab - 1);
  base_ = map_aligned(count_ * slab_bytes_);
  // Advice only: small pages work as well.
  ::madvise(base_, count_ * slab_bytes_, MADV_HUGEPAGE);
  // A child that copied a page on write would take it away from the reads that are under way into it.
  ::madvise(base_, count_ * slab_bytes_, MADV_DONTFORK);
}

slab_pool::~slab_pool() noexcept {
  if (!abandoned_)
    ::munmap(base_, count_ * slab_bytes_);
}

std::optional<slab_index> slab_pool::take() {
  if (free_.empty())
    return std::nullopt;
  const auto slab = free_.back();
  free_.pop_back();
  taken_[slab] = true;
  return slab;
}

void slab_pool::give_back(slab_index slab) {
  assert(slab < count_ && taken_[slab]);
  taken_[slab] = false;
  free_.push_back(slab);
}

std::span<std::byte> slab_pool::bytes(slab_index slab) noexcept {
  assert(slab < count_);
  return {base_ + slab * slab_bytes_, slab_bytes_};
}

} // namespace ckpt::io
