// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda_host.hpp"

#include "gpu/cuda_error.hpp"

#include <cstdio>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (unsigned byte = 0; byte < sizeof uuid.bytes; ++byte) {
    char digits[4];
    const bool starts_group = byte == 0 || byte == 4 || byte == 6 || byte == 8 || byte == 10;
    std::snprintf(digits, sizeof digits, starts_group ? "-%02x" : "%02x",
                  static_cast<unsigned char>(uuid.bytes[byte]));
    text += digits;
  }
  return text;
}

} // namespace

int count_gpus() {
  int count = 0;
  const auto status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) // Also what a host without any driver answers.
    throw cuda_error{"this host has no NVIDIA driver, or one that is older than CUDA "
                     + std::to_string(CUDART_VERSION / 1000) + " needs"};
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    throw cuda_error{"no GPU is visible to this process"};
  check_cuda(status, "cudaGetDeviceCount");
  return count;
}

gpu_identity describe_gpu(int ordinal) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, ordinal),
             "cudaGetDeviceProperties of GPU " + std::to_string(ordinal));
  return {uuid_text(properties.uuid), properties.name};
}

} // namespace ckpt::gpu
