// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Copies from staging memory to a GPU as a node makes them, against the maximum of plain CUDA. No files, no
// engine and no other host take part.

#include "apps/bench/report.hpp"

#include <cstdint>

namespace ckpt::apps::bench {

struct gpu_copy_options {
  std::uint64_t bytes = std::uint64_t{8} << 30; ///< of one round
  unsigned rounds = 5;
  std::uint32_t gpu = 0; ///< CUDA's number in this process
  std::uint64_t chunk_bytes = 4 << 20;
  std::uint64_t bucket_bytes = 256 << 20;                   ///< the ring has two buckets
  std::uint64_t host_memory_bytes = std::uint64_t{1} << 30; ///< in slabs of one chunk each
};

/// Adds both series, which take turns, and the GPU's name. First copies once without measuring, and compares the
/// ring with the source. Throws gpu::cuda_error, with one sentence where there is no GPU, and std::runtime_error
/// when a byte did not arrive.
void measure_gpu_copy(const gpu_copy_options& options, bench_report& report);

} // namespace ckpt::apps::bench
