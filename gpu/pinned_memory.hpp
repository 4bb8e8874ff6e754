// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Host memory that the GPUs' copy engines know, for all GPUs of this process at once. Registering takes
// seconds for some gigabytes and goes on in parallel.

#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

namespace ckpt::gpu {

class pinned_memory {
public:
  pinned_memory() = default;
  pinned_memory(const pinned_memory&) = delete;
  pinned_memory& operator=(const pinned_memory&) = delete;
  /// Releases everything; the memory is still there.
  ~pinned_memory() noexcept;

  /// Whole pages, in units that no copy reaches over: one that would touch two registrations fails. Does
  /// nothing for memory that it knows already. Throws cuda_error, and has nothing of `memory` then.
  void add(std::span<std::byte> memory, std::size_t unit_bytes);

private:
  std::mutex mutex_;
  std::vector<std::span<std::byte>> known_;
  std::vector<std::span<std::byte>> parts_; ///< as they were registered
};

} // namespace ckpt::gpu
