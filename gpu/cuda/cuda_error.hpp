// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What goes wrong with GPUs, and how a call to the CUDA runtime is checked. Of gpu's headers only
// nccl_library.hpp includes CUDA's.

#include <stdexcept>
#include <string>

namespace ckpt::gpu {

class cuda_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// "call: name: description" for a failed `status` (a cudaError_t) of the call. Forgets the runtime's last
/// error, which an unrelated call would otherwise report once more.
[[nodiscard]] std::string describe_cuda_failure(int status, const std::string& call);

/// Throws cuda_error unless `status` is success.
void check_cuda(int status, const std::string& call);

} // namespace ckpt::gpu
