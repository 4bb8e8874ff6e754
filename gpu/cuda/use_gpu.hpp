// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Sets the GPU that the calling thread's CUDA calls use. Call it before CUDA or NCCL; the previous GPU is not
// restored. Hazard: a new thread starts with GPU 0, and since CUDA 12 setting a GPU makes a context on it:
// half a gigabyte of the memory of an engine that this process may have nothing to do with.

namespace ckpt::gpu {

/// Makes this GPU the calling thread's. Throws cuda_error when it cannot be used.
void use_gpu(int ordinal);

/// The same where a failure cannot be handled: CUDA reports it again at the calls that follow, or they only
/// free what ends with the process anyway.
void use_gpu_if_possible(int ordinal) noexcept;

} // namespace ckpt::gpu
