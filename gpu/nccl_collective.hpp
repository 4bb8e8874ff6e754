// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Broadcasts among GPUs, of one host or of several, through NCCL: one non-blocking communicator per GPU, all
// of them driven by the one thread that uses the collective. Nothing here blocks: communicators are set up,
// and broadcasts started, as far as NCCL is ready for them, whenever wait() is called.

#include "gpu/collective.hpp"

#include <memory>
#include <vector>

namespace ckpt::gpu {

/// For the GPUs of this host, in the order of their ranks, made by open_cuda_devices(); they outlive the
/// collective, and have their rings when connect() is called. A single GPU in all needs no NCCL. Throws
/// cuda_error.
[[nodiscard]] std::unique_ptr<collective> make_cuda_collective(const std::vector<const device*>& devices,
                                                               std::uint32_t hosts);

} // namespace ckpt::gpu
