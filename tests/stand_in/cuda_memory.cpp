// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA runtime's functions for memory: of GPUs, of other processes, of the host.

#include "tests/stand_in/call.hpp"
#include "tests/stand_in/copies.hpp"
#include "tests/stand_in/device_memory.hpp"
#include "tests/stand_in/host_memory.hpp"
#include "tests/stand_in/stream.hpp"

using namespace ckpt::stand_in;

cudaError_t cudaMalloc(void** devPtr, std::size_t size) {
  return call([&] {
    if (devPtr == nullptr || size == 0)
      return cudaErrorInvalidValue;
    return gpu_memory().allocate(current_gpu(), size, devPtr);
  });
}

/// Waits for the whole GPU, as CUDA's does.
cudaError_t cudaFree(void* devPtr) {
  return call([&] {
    if (devPtr == nullptr)
      return cudaSuccess;
    if (const int gpu = gpu_memory().gpu_of(devPtr); gpu >= 0)
      static_cast<void>(synchronize_gpu(gpu));
    return gpu_memory().free(devPtr);
  });
}

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t* handle, void* devPtr) {
  return call([&] { return gpu_memory().share(devPtr, *handle); });
}

cudaError_t cudaIpcOpenMemHandle(void** devPtr, cudaIpcMemHandle_t handle, unsigned flags) {
  return call([&] {
    if (flags != cudaIpcMemLazyEnablePeerAccess)
      return cudaErrorInvalidValue;
    return gpu_memory().open(current_gpu(), handle, devPtr);
  });
}

cudaError_t cudaIpcCloseMemHandle(void* devPtr) {
  return call([&] { return gpu_memory().close(devPtr); });
}

cudaError_t cudaHostRegister(void* ptr, std::size_t size, unsigned flags) {
  return call([&] { return known_host_memory().add(ptr, size, flags); });
}

cudaError_t cudaHostUnregister(void* ptr) {
  return call([&] { return known_host_memory().remove(ptr); });
}

cudaError_t cudaHostAlloc(void** pHost, std::size_t size, unsigned flags) {
  return call([&] {
    if (pHost == nullptr || size == 0 || (flags & ~cudaHostAllocPortable) != 0)
      return cudaErrorInvalidValue;
    return known_host_memory().allocate(size, pHost);
  });
}

/// Waits for the whole GPU, as CUDA's does.
cudaError_t cudaFreeHost(void* ptr) {
  return call([&] {
    if (ptr == nullptr)
      return cudaSuccess;
    static_cast<void>(synchronize_gpu(current_gpu()));
    return known_host_memory().free(ptr);
  });
}

cudaError_t cudaMemcpy(void* dst, const void* src, std::size_t count, cudaMemcpyKind kind) {
  return call([&] {
    if (count == 0)
      return cudaSuccess;
    planned_copy plan;
    const auto status = plan_copy(plan, dst, src, count, kind);
    return status == cudaSuccess ? carry_out(plan) : status;
  });
}
