// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/cuda_host.hpp"

#include "gpu/cuda/cuda_error.hpp"

#include <cctype>
#include <cstdio>
#include <fstream>

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

/// The NUMA node of the GPU's PCI slot, as the kernel reports it.
std::optional<unsigned> memory_node_of(int ordinal) {
  char bus_id[32] = {};
  if (cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, ordinal) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return std::nullopt;
  }
  for (auto& letter : bus_id)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  int node = -1; // The kernel reports -1, too, where it does not know.
  std::ifstream{std::string{"/sys/bus/pci/devices/"} + bus_id + "/numa_node"} >> node;
  return node < 0 ? std::nullopt : std::optional{static_cast<unsigned>(node)};
}

} // namespace

int count_gpus() {
  int count = 0;
  const auto status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) // A host without any driver answers this, too.
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
  return {uuid_text(properties.uuid), properties.name, memory_node_of(ordinal)};
}

} // namespace ckpt::gpu
