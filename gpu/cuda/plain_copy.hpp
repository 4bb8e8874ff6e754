// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The yardstick for copies to a GPU: what CUDA alone gives to a program that has one large pinned buffer and
// nothing else to do. And a way to look at what lies in a device's ring, because a process cannot open its
// own ring through CUDA IPC. Only measurements use these. One thread uses an object.

#include "gpu/device.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ckpt::gpu {

/// Bytes of one plain copy, and of both buffers: so large that the start of a copy costs nothing against it.
inline constexpr std::uint64_t plain_copy_bytes = 256 << 20;

class plain_copy {
public:
  virtual ~plain_copy() noexcept = default;

  /// Copies `bytes` to the GPU, plain_copy_bytes at a time and the rest last, all issued at once to one
  /// stream, and waits for the last one without a deadline. Throws cuda_error.
  virtual void run(std::uint64_t bytes) = 0;
};

/// On the GPU with this number (CUDA's, in this process). Throws cuda_error, also in a build without CUDA.
[[nodiscard]] std::unique_ptr<plain_copy> make_plain_copy(std::uint32_t ordinal);

/// Copies what lies from `ring_offset` on in the ring of a device that open_cuda_devices() made to host
/// memory, and waits for it. No copy to that place is under way. Throws cuda_error.
void read_back(const device& gpu, std::uint64_t ring_offset, std::span<std::byte> destination);

} // namespace ckpt::gpu
