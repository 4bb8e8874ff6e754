// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The memory of simulated GPUs: a memfd for each allocation, which another process opens through
// /proc/PID/fd/N. So it goes away with the last process that has it, however that ends.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <cuda_runtime_api.h>

namespace ckpt::stand_in {

/// An allocation of this process, or one of another process that was opened. Filled in before it is shared.
struct device_range {
  device_range() = default;
  device_range(const device_range&) = delete;
  device_range& operator=(const device_range&) = delete;
  ~device_range() noexcept;

  int file = -1; ///< that of an importer holds a shared flock() as long as the importer lives
  std::byte* base = nullptr;
  std::uint64_t bytes = 0;
  int gpu = 0; ///< by CUDA's number
  bool is_imported = false;
  std::uint64_t nonce = 0; ///< of the allocation, the same in all processes
  unsigned openings = 1;   ///< of an imported one
};

struct device_place {
  std::shared_ptr<const device_range> range;
  std::uint64_t offset = 0;

  [[nodiscard]] std::byte* address() const noexcept { return range->base + offset; }
};

class device_memory {
public:
  [[nodiscard]] cudaError_t allocate(int gpu, std::uint64_t bytes, void** memory);
  [[nodiscard]] cudaError_t free(void* memory);
  [[nodiscard]] cudaError_t share(const void* memory, cudaIpcMemHandle_t& handle) const;
  [[nodiscard]] cudaError_t open(int gpu, const cudaIpcMemHandle_t& handle, void** memory);
  [[nodiscard]] cudaError_t close(void* memory);

  /// Where these bytes lie, when all of them lie in one range.
  [[nodiscard]] std::optional<device_place> find(const void* memory, std::uint64_t bytes) const;

  /// True when `memory` is in a range, whatever comes behind it.
  [[nodiscard]] bool holds(const void* memory) const;

  /// The GPU of the range that starts here, or -1.
  [[nodiscard]] int gpu_of(const void* memory) const;

private:
  using range_map = std::map<const std::byte*, std::shared_ptr<device_range>>;
  [[nodiscard]] range_map::const_iterator range_around(const std::byte* address) const;
  [[nodiscard]] std::uint64_t sum_of(int gpu) const;
  void* add(int file, std::byte* base, std::uint64_t bytes, int gpu, std::uint64_t nonce, bool is_imported);

  mutable std::mutex mutex_;
  range_map ranges_; ///< by their first byte
};

/// The memory of all GPUs that this process sees.
[[nodiscard]] device_memory& gpu_memory();

/// Unlike that of any other GPU of any other host.
[[nodiscard]] std::array<unsigned char, 16> uuid_of(int gpu);

} // namespace ckpt::stand_in
