// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Errors of GPUs, and how to check a call to the CUDA runtime. Of the headers of gpu/ only nccl_library.hpp
// includes CUDA's (through nccl.h).

#include <stdexcept>
#include <string>

namespace ckpt::gpu {

class cuda_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// "call: name: description" for a failed `status` (a cudaError_t) of the call. Clears the runtime's last
/// error, which an unrelated call would otherwise report once more.
[[nodiscard]] std::string describe_cuda_failure(int status, const std::string& call);

/// Throws cuda_error unless `status` is success.
void check_cuda(int status, const std::string& call);

} // namespace ckpt::gpu
