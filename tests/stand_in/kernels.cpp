// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The kernels of gpu/, as a simulated GPU runs them.

#include "gpu/cuda/find_difference.hpp"
#include "tests/stand_in/call.hpp"
#include "tests/stand_in/device_memory.hpp"
#include "tests/stand_in/stand_in.hpp"
#include "tests/stand_in/stream.hpp"

#include <algorithm>
#include <utility>

namespace {

using namespace ckpt::stand_in;

/// Where a kernel of this GPU finds these bytes; a kernel that strays is not an error that can be told of.
device_place place_of(const void* memory, std::uint64_t bytes, int gpu) {
  auto place = gpu_memory().find(memory, bytes);
  if (!place || place->range->gpu != gpu)
    undefined("a kernel uses what is not memory of its GPU");
  return std::move(*place);
}

} // namespace

int ckpt::gpu::find_difference(const std::byte* left, const std::byte* right, std::uint64_t bytes,
                               unsigned long long* first, CUstream_st* stream) {
  return call([&] {
    const auto found = find_stream(stream);
    if (!found || found->gpu != current_gpu())
      return cudaErrorInvalidResourceHandle;
    if (const auto failed = found->failure(); failed != cudaSuccess)
      return failed;
    if (bytes == 0)
      return cudaSuccess;
    found->push([bytes, one = place_of(left, bytes, found->gpu), other = place_of(right, bytes, found->gpu),
                 result = place_of(first, sizeof *first, found->gpu)] {
      const auto* const begin = one.address();
      const auto* const differs = std::mismatch(begin, begin + bytes, other.address()).first;
      auto& smallest = *reinterpret_cast<unsigned long long*>(result.address());
      if (differs != begin + bytes)
        smallest = std::min(smallest, static_cast<unsigned long long>(differs - begin));
      return cudaSuccess;
    });
    return cudaSuccess;
  });
}
