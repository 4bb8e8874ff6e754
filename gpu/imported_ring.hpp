// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The worker's end of CUDA IPC: another process's ring on a GPU, opened as torch opens it, and closed with
// the counter signed off.

#include "gpu/device.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ckpt::gpu {

class imported_ring {
public:
  virtual ~imported_ring() noexcept = default;

  /// Copies what lies from `offset` on to host memory, and waits for it. Throws cuda_error.
  virtual void read(std::uint64_t offset, std::span<std::byte> destination) = 0;
};

/// Opens what another process exported, on the GPU with this UUID. Throws cuda_error, also in a build without
/// CUDA and where there is no such GPU.
[[nodiscard]] std::unique_ptr<imported_ring> import_ring(const exported_cuda_memory& exported,
                                                         const std::string& uuid);

} // namespace ckpt::gpu
