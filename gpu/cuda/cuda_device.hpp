// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A GPU. Its ring is one cudaMalloc allocation, which a worker opens through CUDA IPC. Runs share it while it
// is long enough and workers let go of it. Copies go to one stream. Without CUDA open_cuda_devices() throws.

#include "gpu/device.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ckpt::gpu {

/// How the CUDA IPC handle is encoded for the worker's torch.
enum class handle_form : std::uint8_t {
  versioned, ///< version 1, type 'c', 64 bytes: every torch since 2.5
  raw,       ///< the 64 bytes of cudaIpcMemHandle_t alone: the form of an older torch
};

struct cuda_options {
  handle_form form = handle_form::versioned;
  std::filesystem::path counter_directory = "/dev/shm"; ///< where shm_open() looks
};

/// Opens the GPUs with these numbers (CUDA's, in this process), in this order. Throws std::system_error, or
/// cuda_error with one sentence that names what is missing: CUDA in this build, a driver, or a GPU.
[[nodiscard]] std::vector<std::unique_ptr<device>> open_cuda_devices(std::span<const std::uint32_t> ordinals,
                                                                     const cuda_options& options = {});

/// The memory of the ring of a device that open_cuda_devices() made, and that device's number.
struct cuda_ring {
  std::byte* memory = nullptr;
  std::uint64_t bytes = 0;
  int ordinal = 0;
};
[[nodiscard]] cuda_ring ring_of(const device& gpu);

} // namespace ckpt::gpu
