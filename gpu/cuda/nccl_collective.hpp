// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The broadcasts of one update among GPUs, of one host or of several, through NCCL. Nothing here blocks:
// communicators are set up, and broadcasts started, as far as NCCL is ready for them, whenever wait() is
// called.

#include "gpu/collective.hpp"

#include <memory>
#include <vector>

namespace ckpt::gpu {

class nccl_communicators;

/// What stays between updates: for the GPUs of this host, in the order of their ranks, made by
/// open_cuda_devices(), which outlive it. Empty for a single GPU in all, which needs no NCCL. Throws
/// cuda_error.
[[nodiscard]] std::shared_ptr<nccl_communicators>
make_communicators(const std::vector<const device*>& devices, std::uint32_t hosts);

/// For one update. The GPUs have their rings when connect() is called. Throws cuda_error.
[[nodiscard]] std::unique_ptr<collective>
make_cuda_collective(std::shared_ptr<nccl_communicators> communicators);

} // namespace ckpt::gpu
