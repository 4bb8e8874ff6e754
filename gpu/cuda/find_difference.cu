// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/find_difference.hpp"

namespace ckpt::gpu {
namespace {

constexpr unsigned threads_per_block = 256;
constexpr std::uint64_t blocks_max = 1024;

// Byte by byte: the threads of a warp read neighbours, so memory is read in whole lines whatever the
// alignment.
__global__ void compare(const std::byte* left, const std::byte* right, std::uint64_t bytes,
                        unsigned long long* first) {
  const std::uint64_t stride = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t at = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; at < bytes; at += stride) {
    if (left[at] != right[at]) {
      atomicMin(first,
                static_cast<unsigned long long>(at)); // Further differences of this thread lie behind it.
      return;
    }
  }
}

} // namespace

int find_difference(const std::byte* left, const std::byte* right, std::uint64_t bytes,
                    unsigned long long* first, CUstream_st* stream) {
  if (bytes == 0)
    return cudaSuccess; // A launch of no block is an error.
  const std::uint64_t wanted = (bytes + threads_per_block - 1) / threads_per_block;
  const auto blocks = static_cast<unsigned>(wanted < blocks_max ? wanted : blocks_max);
  compare<<<blocks, threads_per_block, 0, stream>>>(left, right, bytes, first);
  return cudaGetLastError();
}

} // namespace ckpt::gpu
