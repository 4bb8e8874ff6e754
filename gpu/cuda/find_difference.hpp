// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one kernel: comparing is what no copy engine does, and a worker's view of the weights is proven where
// the worker's own kernels would read them.

#include <cstddef>
#include <cstdint>

struct CUstream_st; // cudaStream_t points to it

namespace ckpt::gpu {

/// Where find_difference() leaves nothing: every byte is the same.
inline constexpr unsigned long long no_difference = ~0ull;

/// Puts into `stream` a comparison of `bytes` bytes at `left` and `right`, both in memory of the current GPU.
/// The index of the first ones that differ is then at `first`, in that memory too, if it is smaller than what
/// was there. Returns a cudaError_t, of the launch.
[[nodiscard]] int find_difference(const std::byte* left, const std::byte* right, std::uint64_t bytes,
                                  unsigned long long* first, CUstream_st* stream);

} // namespace ckpt::gpu
