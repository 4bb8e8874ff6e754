// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA runtime's functions that tell of GPUs and of errors.

#include "tests/stand_in/call.hpp"
#include "tests/stand_in/device_memory.hpp"
#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"
#include "tests/stand_in/stream.hpp"

#include <cstdio>
#include <cstring>

namespace {

using namespace ckpt::stand_in;

int visible_count() { return static_cast<int>(configured().visible.size()); }

bool is_visible(int gpu) { return gpu >= 0 && gpu < visible_count(); }

struct error_text {
  cudaError_t error;
  const char* name;
  const char* text;
};

constexpr error_text texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorDeviceUninitialized, "cudaErrorDeviceUninitialized", "invalid device context"},
    {cudaErrorMapBufferObjectFailed, "cudaErrorMapBufferObjectFailed", "mapping of buffer object failed"},
    {cudaErrorPeerAccessUnsupported, "cudaErrorPeerAccessUnsupported",
     "peer access is not supported between these two devices"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorHostMemoryAlreadyRegistered, "cudaErrorHostMemoryAlreadyRegistered",
     "part or all of the requested memory range is already mapped"},
    {cudaErrorHostMemoryNotRegistered, "cudaErrorHostMemoryNotRegistered",
     "pointer does not correspond to a registered memory region"},
};

const error_text& text_of(cudaError_t error) {
  for (const auto& known : texts)
    if (known.error == error)
      return known;
  static constexpr error_text unknown{cudaErrorUnknown, "cudaErrorUnknown", "unknown error"};
  return unknown;
}

} // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  return question([&] {
    *count = visible_count();
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return question([&] {
    if (!is_visible(device))
      return cudaErrorInvalidDevice;
    current_gpu() = device;
    make_context(device); // At once, since CUDA 12.
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return question([&] {
    *device = current_gpu();
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  return question([&] {
    if (!is_visible(device))
      return cudaErrorInvalidDevice;
    *prop = {};
    std::strcpy(prop->name, "stand-in");
    const auto uuid = uuid_of(device);
    std::memcpy(prop->uuid.bytes, uuid.data(), uuid.size());
    prop->totalGlobalMem = configured().gpu_bytes;
    prop->major = 9;
    prop->asyncEngineCount = 2;
    prop->unifiedAddressing = 1;
    prop->hostRegisterSupported = 1;
    prop->pciBusID = 1 + configured().visible[static_cast<std::size_t>(device)];
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* pciBusId, int len, int device) {
  return question([&] {
    if (!is_visible(device))
      return cudaErrorInvalidDevice;
    if (pciBusId == nullptr || len < 13)
      return cudaErrorInvalidValue;
    std::snprintf(pciBusId, static_cast<std::size_t>(len), "0000:%02x:00.0",
                  static_cast<unsigned char>(1 + configured().visible[static_cast<std::size_t>(device)]));
    return cudaSuccess;
  });
}

cudaError_t cudaGetLastError() { return take_last_error(); }

const char* cudaGetErrorName(cudaError_t error) { return text_of(error).name; }

const char* cudaGetErrorString(cudaError_t error) { return text_of(error).text; }
