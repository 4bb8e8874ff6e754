// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only kernel. No copy engine can compare, and the worker's view of the weights should be checked where
// the worker's own kernels read them.

#include <cstddef>
#include <cstdint>

struct CUstream_st; // cudaStream_t points to it

namespace ckpt::gpu {

/// The initial value of `first`; left there when every byte is the same.
inline constexpr unsigned long long no_difference = ~0ull;

/// Queues in `stream` a comparison of `bytes` bytes at `left` and `right`, both in memory of the current GPU.
/// Writes the index of the first bytes that differ to `first`, in that memory too, if it is smaller than the
/// value there. Returns the cudaError_t of the launch.
[[nodiscard]] int find_difference(const std::byte* left, const std::byte* right, std::uint64_t bytes,
                                  unsigned long long* first, CUstream_st* stream);

} // namespace ckpt::gpu
