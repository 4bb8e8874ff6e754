// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which GPU the calling thread's CUDA calls are about. Whoever calls CUDA or NCCL says so first, and nobody
// restores what was before: that is GPU 0 on every new thread, and since CUDA 12 to set a GPU is to make a
// context on it, half a gigabyte of the memory of an engine that this process may have nothing to do with.

namespace ckpt::gpu {

/// From here on the GPU of this number is the calling thread's. Throws cuda_error when it cannot be used.
void use_gpu(int ordinal);

/// The same where nothing can be done about a failure: CUDA reports it again at the calls that follow, or
/// they free what ends with the process anyway.
void use_gpu_if_possible(int ordinal) noexcept;

} // namespace ckpt::gpu
