// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/pinned_memory.hpp"

#include "gpu/cuda_error.hpp"

#include <algorithm>
#include <thread>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

constexpr std::size_t threads_max = 8;
constexpr std::size_t part_bytes_min = 64 << 20;

struct part {
  std::span<std::byte> memory;
  cudaError_t status = cudaErrorUnknown;
};

std::vector<part> divide(std::span<std::byte> memory, std::size_t unit_bytes) {
  const auto wanted = std::min<std::size_t>(threads_max, std::max(1u, std::thread::hardware_concurrency()));
  const auto count = std::clamp<std::size_t>(memory.size() / part_bytes_min, 1, wanted);
  const auto bytes = (memory.size() / count + unit_bytes - 1) / unit_bytes * unit_bytes;
  std::vector<part> parts;
  for (std::size_t begin = 0; begin < memory.size(); begin += bytes)
    parts.push_back({memory.subspan(begin, std::min(bytes, memory.size() - begin))});
  return parts;
}

} // namespace

pinned_memory::~pinned_memory() noexcept {
  for (const auto& memory : parts_)
    static_cast<void>(cudaHostUnregister(memory.data()));
}

void pinned_memory::add(std::span<std::byte> memory, std::size_t unit_bytes) {
  const std::lock_guard lock{mutex_};
  const auto is_same = [&](const auto& known) {
    return known.data() == memory.data() && known.size() == memory.size();
  };
  if (std::ranges::any_of(known_, is_same))
    return;
  auto parts = divide(memory, unit_bytes);
  {
    std::vector<std::jthread> threads;
    for (auto& each : parts)
      threads.emplace_back([&each] {
        each.status = cudaHostRegister(each.memory.data(), each.memory.size(), cudaHostRegisterPortable);
      });
  }
  const auto failed =
      std::ranges::find_if(parts, [](const auto& each) { return each.status != cudaSuccess; });
  if (failed == parts.end()) {
    for (const auto& each : parts)
      parts_.push_back(each.memory);
    known_.push_back(memory);
    return;
  }
  for (const auto& each : parts)
    if (each.status == cudaSuccess)
      static_cast<void>(cudaHostUnregister(each.memory.data()));
  check_cuda(failed->status,
             "cudaHostRegister of " + std::to_string(memory.size()) + " bytes of host memory");
}

} // namespace ckpt::gpu
