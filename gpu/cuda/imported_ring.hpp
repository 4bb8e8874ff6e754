// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The worker's end of CUDA IPC: another process's ring on a GPU, opened as torch opens it, and closed with
// the counter signed off.

#include "gpu/device.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace ckpt::gpu {

class imported_ring {
public:
  virtual ~imported_ring() noexcept = default;

  /// Copies `length` bytes from `offset` on to other memory of that GPU, as a worker does that loads them,
  /// and forgets them there. Goes on until settle(). Throws cuda_error.
  virtual void copy_out(std::uint64_t offset, std::uint64_t length) = 0;

  /// Waits for what copy_out() has begun. Throws cuda_error.
  virtual void settle() = 0;

  /// The index in `expected`, which is host memory, of the first byte that differs from what lies from
  /// `offset` on in the ring; nothing if they are the same. The GPU compares, and is waited for. Throws
  /// cuda_error.
  [[nodiscard]] virtual std::optional<std::uint64_t> difference(std::uint64_t offset,
                                                                std::span<const std::byte> expected) = 0;

  /// Copies what lies from `offset` on to host memory, and waits for it. Throws cuda_error.
  virtual void read(std::uint64_t offset, std::span<std::byte> destination) = 0;
};

/// Opens what another process exported, on the GPU with this UUID. Throws cuda_error, also in a build without
/// CUDA and where there is no such GPU.
[[nodiscard]] std::unique_ptr<imported_ring> import_ring(const exported_cuda_memory& exported,
                                                         const std::string& uuid);

} // namespace ckpt::gpu
