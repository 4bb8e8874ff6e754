// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Replaces the GPU's files in a build without CUDA: every function throws.

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "gpu/cuda/imported_ring.hpp"
#include "gpu/cuda/nccl_collective.hpp"
#include "gpu/cuda/plain_copy.hpp"

namespace ckpt::gpu {
namespace {

[[noreturn]] void refuse() {
  throw cuda_error{"this program was built without CUDA (CKPT_CUDA is off, or CMake found no CUDA toolkit)"};
}

} // namespace

int count_gpus() { refuse(); }

gpu_identity describe_gpu(int) { refuse(); }

std::vector<std::unique_ptr<device>> open_cuda_devices(std::span<const std::uint32_t>, const cuda_options&) {
  refuse();
}

std::unique_ptr<imported_ring> import_ring(const exported_cuda_memory&, const std::string&) { refuse(); }

cuda_ring ring_of(const device&) { refuse(); }

std::unique_ptr<plain_copy> make_plain_copy(std::uint32_t) { refuse(); }

void read_back(const device&, std::uint64_t, std::span<std::byte>) { refuse(); }

std::shared_ptr<nccl_communicators> make_communicators(const std::vector<const device*>&, std::uint32_t) {
  refuse();
}

std::unique_ptr<collective> make_cuda_collective(std::shared_ptr<nccl_communicators>) { refuse(); }

} // namespace ckpt::gpu
