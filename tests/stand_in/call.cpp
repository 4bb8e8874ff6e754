// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/call.hpp"

#include "tests/stand_in/counters.hpp"
#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <unistd.h>

namespace ckpt::stand_in {
namespace {

std::atomic<pid_t> first_user = 0;
std::atomic<std::uint64_t> contexts = 0; ///< a bit for each GPU
thread_local cudaError_t last = cudaSuccess;
thread_local int current = 0;

} // namespace

cudaError_t readiness() noexcept {
  if (configured().gpus == 0)
    return cudaErrorInsufficientDriver;
  if (configured().visible.empty())
    return cudaErrorNoDevice;
  pid_t none = 0;
  const auto self = ::getpid();
  if (!first_user.compare_exchange_strong(none, self) && none != self)
    return cudaErrorInitializationError;
  return cudaSuccess;
}

cudaError_t remember(cudaError_t status) noexcept {
  if (status != cudaSuccess)
    last = status;
  return status;
}

cudaError_t take_last_error() noexcept { return std::exchange(last, cudaSuccess); }

int& current_gpu() noexcept { return current; }

void make_context(int gpu) noexcept {
  const auto bit = std::uint64_t{1} << static_cast<unsigned>(gpu);
  if ((contexts.fetch_or(bit) & bit) == 0)
    ++counted().contexts;
}

void undefined(const char* what) {
  std::fprintf(stderr, "stand-in for CUDA, pid %d: %s\n", static_cast<int>(::getpid()), what);
  std::abort();
}

} // namespace ckpt::stand_in
