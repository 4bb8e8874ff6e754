// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Opens the devices of a run and their collective: GPUs with NCCL, or host memory with UCX in their place.

#include "actors/host/host_resources.hpp"
#include "apps/node/command_line.hpp"

#include <memory>

namespace ckpt::apps {

/// Opens the devices that the options name, and the links between them. Throws gpu::cuda_error or
/// std::system_error.
[[nodiscard]] std::shared_ptr<actors::host_resources> open_accelerators(const node_options& options);

} // namespace ckpt::apps
