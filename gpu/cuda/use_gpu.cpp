// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/use_gpu.hpp"

#include "gpu/cuda/cuda_error.hpp"

#include <cuda_runtime_api.h>

namespace ckpt::gpu {

void use_gpu(int ordinal) {
  check_cuda(cudaSetDevice(ordinal), "cudaSetDevice of GPU " + std::to_string(ordinal));
}

void use_gpu_if_possible(int ordinal) noexcept {
  if (cudaSetDevice(ordinal) != cudaSuccess)
    static_cast<void>(cudaGetLastError());
}

} // namespace ckpt::gpu
