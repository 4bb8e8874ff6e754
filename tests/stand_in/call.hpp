// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What all functions of the CUDA runtime have in common: they need a driver, do not work in a child that was
// forked after the first of them, make a context on the calling thread's GPU unless they only ask something,
// and leave their error behind for cudaGetLastError().

#include <cuda_runtime_api.h>

namespace ckpt::stand_in {

/// Why no call can succeed here, or success.
[[nodiscard]] cudaError_t readiness() noexcept;

/// Remembers a failure as this thread's last error, and returns `status`.
cudaError_t remember(cudaError_t status) noexcept;

/// This thread's last error, which is forgotten.
[[nodiscard]] cudaError_t take_last_error() noexcept;

/// This thread's current GPU, by CUDA's number.
[[nodiscard]] int& current_gpu() noexcept;

/// From here on this process has a context on the GPU, which costs its memory.
void make_context(int gpu) noexcept;

/// A function that only asks.
template <class Body>
cudaError_t question(Body body) {
  const auto status = readiness();
  return remember(status == cudaSuccess ? body() : status);
}

/// Any other function.
template <class Body>
cudaError_t call(Body body) {
  return question([&] {
    make_context(current_gpu());
    return body();
  });
}

} // namespace ckpt::stand_in
