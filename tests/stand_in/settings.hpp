// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the environment says about the simulated host. Read once, at the first call. README.md lists the
// variables.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ckpt::stand_in {

struct settings {
  int gpus = 0;             ///< of the host; 0 when it has no driver either
  std::vector<int> visible; ///< to this process, by CUDA's numbers
  std::string host;         ///< whose GPUs are others than those of a host of another name
  std::uint64_t gpu_bytes = 8ull << 30;
  std::chrono::microseconds delay_max{0}; ///< of each operation of a stream, at random
  std::uint64_t stuck_broadcast = 0; ///< which of a process's broadcasts never ends, counted from 1; 0: none
  std::uint64_t refused_broadcast = 0; ///< the same of the one that NCCL refuses
  std::string report;
};

[[nodiscard]] const settings& configured();

} // namespace ckpt::stand_in
