// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The GPUs that this process sees.

#include <optional>
#include <string>

namespace ckpt::gpu {

struct gpu_identity {
  std::string uuid;                    ///< as engines know it
  std::string name;                    ///< the product's
  std::optional<unsigned> memory_node; ///< the NUMA node that it is next to; nothing if unknown
};

/// At least 1. Throws cuda_error with one sentence: no driver, no GPU, or CUDA's own error.
[[nodiscard]] int count_gpus();

/// Throws cuda_error.
[[nodiscard]] gpu_identity describe_gpu(int ordinal);

} // namespace ckpt::gpu
