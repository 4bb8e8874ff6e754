// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The baseline for copies to a GPU: what CUDA gives a program that has one large pinned buffer and nothing
// else to do. Also reads back a device's own ring, because a process cannot open its own ring through CUDA
// IPC. Only for measurements. One thread uses an object.

#include "gpu/device.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ckpt::gpu {

/// Bytes of one plain copy, and of both buffers: large enough that starting a copy costs next to nothing.
inline constexpr std::uint64_t plain_copy_bytes = 256 << 20;

class plain_copy {
public:
  virtual ~plain_copy() noexcept = default;

  /// Copies `bytes` to the GPU, plain_copy_bytes at a time and the rest last. Issues all copies at once to
  /// one stream, and waits for the last one without a deadline. Throws cuda_error.
  virtual void run(std::uint64_t bytes) = 0;
};

/// On the GPU with this number (CUDA's, in this process). Throws cuda_error, also in a build without CUDA.
[[nodiscard]] std::unique_ptr<plain_copy> make_plain_copy(std::uint32_t ordinal);

/// Copies the ring of a device that open_cuda_devices() made, from `ring_offset` on, to host memory, and
/// waits for it. No copy to that place may be under way. Throws cuda_error.
void read_back(const device& gpu, std::uint64_t ring_offset, std::span<std::byte> destination);

} // namespace ckpt::gpu
