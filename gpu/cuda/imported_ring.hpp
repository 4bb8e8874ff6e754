// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The worker's end of CUDA IPC: another process's ring on a GPU, opened as torch opens it. Closing it also
// signs off in the reference counter.

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

  /// Copies `length` bytes from `offset` on to scratch memory of that GPU, as a worker does that loads them.
  /// Does not wait for the copies: settle() does. Throws cuda_error.
  virtual void copy_out(std::uint64_t offset, std::uint64_t length) = 0;

  /// Waits for the copies that copy_out() has begun. Throws cuda_error.
  virtual void settle() = 0;

  /// Compares `expected`, which is host memory, with the ring from `offset` on. Returns the index in
  /// `expected` of the first byte that differs; nothing if all are the same. The GPU compares; this waits for
  /// it. Throws cuda_error.
  [[nodiscard]] virtual std::optional<std::uint64_t> difference(std::uint64_t offset,
                                                                std::span<const std::byte> expected) = 0;

  /// Copies the ring from `offset` on to host memory, and waits for it. Throws cuda_error.
  virtual void read(std::uint64_t offset, std::span<std::byte> destination) = 0;
};

/// Opens the ring that another process exported, on the GPU with this UUID. Throws cuda_error, also in a
/// build without CUDA and where there is no such GPU.
[[nodiscard]] std::unique_ptr<imported_ring> import_ring(const exported_cuda_memory& exported,
                                                         const std::string& uuid);

} // namespace ckpt::gpu
