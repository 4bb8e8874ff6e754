// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The host's staging memory: one anonymous mapping cut into equal, page-aligned slabs that are known by their
// index. Made once per process. Taking and giving back is one thread's business (the disk reader's); any
// thread may use the bytes of a slab it was handed.

#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
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

  /// Gives every entry of `nodes`, which are memory nodes of this host and may repeat, an equal share of the
  /// slabs, to lie there from their first use on. False where the kernel refuses; the slabs work all the
  /// same.
  [[nodiscard]] bool place_on(std::span<const unsigned> nodes);

  /// A free slab, the one given back last first: its pages are resident and warm. One that lies on `node`
  /// when there is one. Nothing when all are in use.
  [[nodiscard]] std::optional<slab_index> take(std::optional<unsigned> node = std::nullopt);

  /// Gives a slab back. Giving one back twice is a programmer's error.
  void give_back(slab_index slab);

  /// All are free again: nobody uses any.
  void take_all_back() noexcept;

  [[nodiscard]] std::span<std::byte> bytes(slab_index slab) noexcept;

  /// The whole mapping, for pinning.
  [[nodiscard]] std::span<std::byte> memory() noexcept { return {base_, count_ * slab_bytes_}; }

  /// Leaves the mapping in place for ever: for when a read that cannot be cancelled may still write to it.
  void abandon() noexcept { abandoned_ = true; }
  [[nodiscard]] bool is_abandoned() const noexcept { return abandoned_; }

private:
  std::byte* base_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint64_t slab_bytes_ = 0;
  std::vector<slab_index> free_;
  std::vector<bool> taken_;
  std::vector<unsigned> nodes_; ///< by slab; empty when they lie wherever they are first used
  bool abandoned_ = false;
};

} // namespace ckpt::io
