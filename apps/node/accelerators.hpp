// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which devices a run drives, and what broadcasts among them: GPUs and NCCL, or shared memory and UCX in
// their place.

#include "apps/node/command_line.hpp"
#include "gpu/collective.hpp"
#include "gpu/device.hpp"

#include <memory>
#include <vector>

namespace ckpt::apps {

struct accelerators {
  std::vector<std::unique_ptr<gpu::device>> devices; ///< by their rank on this host
  std::unique_ptr<gpu::collective> collective;       ///< goes first: it uses them
};

/// Opens them; the rings come later. Throws gpu::cuda_error, gpu::fabric_error or std::system_error.
[[nodiscard]] accelerators open_accelerators(const node_options& options);

} // namespace ckpt::apps
