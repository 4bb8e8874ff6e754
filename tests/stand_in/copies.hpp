// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Copies between host memory and GPUs, and what is refused of them.

#include "tests/stand_in/device_memory.hpp"
#include "tests/stand_in/host_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <variant>

#include <cuda_runtime_api.h>

namespace ckpt::stand_in {

struct host_end {
  std::byte* address = nullptr;
  host_range range;
};

using copy_end = std::variant<host_end, device_place>;

/// A copy whose ends have been looked up. It keeps them: registrations and memory that it uses stay.
struct planned_copy {
  copy_end destination;
  copy_end source;
  std::uint64_t bytes = 0;

  /// True when it does not return before the host memory may change: what is not registered has to be
  /// staged.
  [[nodiscard]] bool is_synchronous() const;
};

/// Fails as CUDA does: ends that do not fit `kind`, that reach beyond an allocation, or over the border of a
/// registration.
[[nodiscard]] cudaError_t plan_copy(planned_copy& plan, void* destination, const void* source,
                                    std::uint64_t bytes, cudaMemcpyKind kind);

[[nodiscard]] cudaError_t carry_out(const planned_copy& plan);

/// Sets all of these bytes of a GPU's memory to one value.
void fill(const device_place& place, int value, std::uint64_t bytes);

} // namespace ckpt::stand_in
