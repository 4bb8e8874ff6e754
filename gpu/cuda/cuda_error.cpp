// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/cuda_error.hpp"

#include <cuda_runtime_api.h>

namespace ckpt::gpu {

std::string describe_cuda_failure(int status, const std::string& call) {
  const auto error = static_cast<cudaError_t>(status);
  static_cast<void>(cudaGetLastError());
  return call + ": " + cudaGetErrorName(error) + ": " + cudaGetErrorString(error);
}

void check_cuda(int status, const std::string& call) {
  if (status != cudaSuccess)
    throw cuda_error{describe_cuda_failure(status, call)};
}

} // namespace ckpt::gpu
