// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The host's staging buffers: one anonymous mapping cut into equal, page-aligned slabs, each known by its
// index. Only one thread (that of the disk reader, or of what is in its place) takes, moves and gives back
// slabs; any thread may use the bytes of a slab that it was handed.

#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace ckpt::io {

using slab_index = std::uint32_t;

class slab_pool {
public:
  /// Maps `count` slabs of `slab_bytes` (a multiple of the page size). Pages become resident when first used,
  /// in huge pages where the kernel gives them. Throws std::system_error.
  slab_pool(std::uint32_t count, std::uint64_t slab_bytes);
  slab_pool(const slab_pool&) = delete;
  slab_pool& operator=(const slab_pool&) = delete;
  ~slab_pool() noexcept;

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t slab_bytes() const noexcept { return slab_bytes_; }
  [[nodiscard]] std::size_t free_count() const noexcept { return free_.size(); }

  /// Gives every entry of `nodes` (NUMA nodes of this host; they may repeat) an equal share of the slabs:
  /// their pages are allocated there on first use, as long as there is room. False where the kernel refuses;
  /// the slabs work all the same.
  [[nodiscard]] bool place_on(std::span<const unsigned> nodes);

  /// The free slab that was given back last: its pages are resident and warm. Prefers slabs that lie on
  /// `node`. Nothing when all are in use.
  [[nodiscard]] std::optional<slab_index> take(std::optional<unsigned> node = std::nullopt);

  /// Gives a slab back. Giving one back twice is a programmer's error.
  void give_back(slab_index slab);

  /// Marks all slabs as free. None may be in use.
  void take_all_back() noexcept;

  [[nodiscard]] std::span<std::byte> bytes(slab_index slab) noexcept;

  /// Gives the slab other memory, which is not pinned: a transfer into the former one cannot be stopped. All
  /// memory stays mapped for ever, as with abandon(). Throws std::system_error.
  void move(slab_index slab);

  /// The whole mapping, for pinning.
  [[nodiscard]] std::span<std::byte> memory() noexcept { return {base_, count_ * slab_bytes_}; }

  /// Keeps the memory mapped for ever: a read that cannot be cancelled may still write to it.
  void abandon() noexcept { abandoned_ = true; }
  [[nodiscard]] bool is_abandoned() const noexcept { return abandoned_; }

private:
  std::byte* base_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint64_t slab_bytes_ = 0;
  std::vector<slab_index> free_;
  std::vector<bool> taken_;
  std::map<slab_index, std::byte*> moved_;
  std::vector<unsigned> nodes_; ///< by slab; empty when they lie wherever they are first used
  bool abandoned_ = false;
};

} // namespace ckpt::io
