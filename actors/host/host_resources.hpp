// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The resources that a process keeps from run to run: devices with their rings, the links between hosts, and
// pinned staging memory. One run at a time uses them.

#include "gpu/collective.hpp"
#include "gpu/device.hpp"
#include "io/plan/bucket_plan.hpp"
#include "io/read/slab_pool.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace ckpt::actors {

class host_resources {
public:
  /// Opens the collective of one run, on links that stay.
  using collective_opener = std::function<std::unique_ptr<gpu::collective>()>;

  /// No devices: for a host that cannot take part.
  host_resources() = default;
  host_resources(std::vector<std::unique_ptr<gpu::device>> devices, collective_opener open_collective);

  /// By their rank on this host.
  [[nodiscard]] const std::vector<std::unique_ptr<gpu::device>>& devices() const noexcept { return devices_; }

  /// True once begin_run() has succeeded, unless it has failed since: staging memory and rings are there.
  [[nodiscard]] bool has_begun() const noexcept { return slabs_ != nullptr; }

  /// Pinned for all devices. Valid while has_begun().
  [[nodiscard]] io::slab_pool& slabs() noexcept { return *slabs_; }

  /// Prepares a run: at least `slab_count` slabs of `slab_bytes`, all free, and rings for `plan`. Keeps what
  /// the previous run has left where it is large enough. When it fails, there are no slabs any more. Throws std::system_error, what a device throws, or
  /// std::runtime_error that names the largest group where a ring does not fit.
  void begin_run(const io::bucket_plan& plan, std::uint32_t slab_count, std::uint64_t slab_bytes);

  /// Pins memory, which must outlive these resources or be unpinned before. False where a device cannot pin
  /// it: copies from it are slow then.
  [[nodiscard]] bool pin(std::span<std::byte> memory) noexcept;

  void unpin(std::span<const std::byte> memory) noexcept;

  /// For one run, after begin_run(). Throws the collective's own error.
  [[nodiscard]] std::unique_ptr<gpu::collective> open_collective() const { return open_collective_(); }

private:
  void make_slabs(std::uint32_t count, std::uint64_t bytes);
  void drop_slabs() noexcept;

  // Destroyed from the last to the first: devices unpin the staging memory before it is unmapped.
  std::unique_ptr<io::slab_pool> slabs_;
  std::vector<std::unique_ptr<gpu::device>> devices_;
  collective_opener open_collective_;
};

} // namespace ckpt::actors
