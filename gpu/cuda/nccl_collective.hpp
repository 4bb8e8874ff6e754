// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The broadcasts of one update among the GPUs of all hosts, through NCCL. Each wait() sets up communicators
// and starts broadcasts as far as NCCL is ready. No call waits for another host; an abort may take seconds.

#include "gpu/collective.hpp"

#include <memory>
#include <vector>

namespace ckpt::gpu {

class nccl_communicators;

/// Makes what is kept from update to update. `devices` are the GPUs of this host in the order of their ranks,
/// made by open_cuda_devices(); they outlive the result. Null for a single GPU in all, which needs no NCCL.
/// Throws cuda_error.
[[nodiscard]] std::shared_ptr<nccl_communicators>
make_communicators(const std::vector<const device*>& devices, std::uint32_t hosts);

/// Makes the collective of one update. The GPUs must have their rings when connect() is called. Throws
/// cuda_error.
[[nodiscard]] std::unique_ptr<collective>
make_cuda_collective(std::shared_ptr<nccl_communicators> communicators);

} // namespace ckpt::gpu
