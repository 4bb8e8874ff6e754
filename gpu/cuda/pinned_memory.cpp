// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/pinned_memory.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/use_gpu.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <cuda_runtime_api.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

constexpr std::size_t threads_max = 8;

/// A smaller part is registered sooner than a thread is started.
constexpr std::uintptr_t part_bytes_min = 16 << 20;

/// 64 KiB on some machines.
const auto page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));

struct part {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  cudaError_t status = cudaSuccess;

  [[nodiscard]] std::byte* memory() const { return reinterpret_cast<std::byte*>(begin); }
  [[nodiscard]] std::size_t bytes() const { return end - begin; }
};

/// The pages that `memory` touches.
part pages_of(std::span<const std::byte> memory) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  return {begin / page_bytes * page_bytes,
          (begin + memory.size() + page_bytes - 1) / page_bytes * page_bytes};
}

/// The parts of `wanted` that are not registered.
std::vector<part> gaps_in(const std::map<std::uintptr_t, std::uintptr_t>& registered, part wanted) {
  std::vector<part> gaps;
  auto next = registered.upper_bound(wanted.begin);
  if (next != registered.begin() && std::prev(next)->second > wanted.begin)
    wanted.begin = std::prev(next)->second;
  while (wanted.begin < wanted.end) {
    const auto gap_end = next == registered.end() ? wanted.end : std::min(wanted.end, next->first);
    if (gap_end > wanted.begin)
      gaps.push_back({wanted.begin, gap_end});
    if (next == registered.end())
      break;
    wanted.begin = (next++)->second;
  }
  return gaps;
}

std::vector<part> divide(const std::vector<part>& gaps) {
  std::vector<part> parts;
  for (const auto& gap : gaps) {
    const auto wanted = std::min<std::size_t>(threads_max, std::max(1u, std::thread::hardware_concurrency()));
    const auto count = std::clamp<std::uintptr_t>((gap.end - gap.begin) / part_bytes_min, 1, wanted);
    const auto bytes = ((gap.end - gap.begin) / count + page_bytes - 1) / page_bytes * page_bytes;
    for (auto begin = gap.begin; begin < gap.end; begin += bytes)
      parts.push_back({begin, std::min(begin + bytes, gap.end)});
  }
  return parts;
}

/// Runs `work` on every part, on several threads when there are several parts.
template <class Function>
void in_parallel(std::vector<part>& parts, int ordinal, Function work) {
  std::atomic<std::size_t> next = 0;
  const auto take_parts = [&] {
    use_gpu_if_possible(ordinal);
    for (auto index = next++; index < parts.size(); index = next++)
      work(parts[index]);
  };
  std::vector<std::jthread> helpers;
  try {
    for (auto more = std::min(parts.size(), threads_max); more > 1; --more)
      helpers.emplace_back(take_parts);
  } catch (const std::system_error&) {
    // No more threads can be started: those that run do the work.
  }
  if (!parts.empty())
    take_parts();
}

void release(std::vector<part>& parts, int ordinal) {
  in_parallel(parts, ordinal, [](const part& each) { static_cast<void>(cudaHostUnregister(each.memory())); });
}

} // namespace

pinned_memory::~pinned_memory() noexcept {
  std::vector<part> all;
  for (const auto& [begin, end] : parts_)
    all.push_back({begin, end});
  release(all, ordinal_);
}

void pinned_memory::add(std::span<std::byte> memory) {
  const std::lock_guard only_one{adding_}; // Nobody else writes parts_: reading them needs no lock.
  auto parts = divide(gaps_in(parts_, pages_of(memory)));
  if (parts.empty())
    return; // Registered already, for another GPU.
  in_parallel(parts, ordinal_, [](part& each) {
    each.status = cudaHostRegister(each.memory(), each.bytes(), cudaHostRegisterPortable);
    if (each.status != cudaSuccess)
      static_cast<void>(cudaGetLastError());
  });
  const auto is_good = [](const part& each) { return each.status == cudaSuccess; };
  const auto failed = std::ranges::find_if_not(parts, is_good);
  if (failed == parts.end()) {
    const std::lock_guard lock{mutex_};
    for (const auto& each : parts)
      parts_.emplace(each.begin, each.end);
    return;
  }
  const auto status = failed->status;
  std::erase_if(parts, [&](const part& each) { return !is_good(each); });
  release(parts, ordinal_);
  check_cuda(status, "cudaHostRegister of " + std::to_string(memory.size()) + " bytes of host memory");
}

void pinned_memory::remove(std::span<const std::byte> memory) noexcept {
  const std::lock_guard only_one{adding_};
  const auto pages = pages_of(memory);
  std::vector<part> parts;
  {
    const std::lock_guard lock{mutex_};
    const auto first = parts_.lower_bound(pages.begin);
    auto last = first;
    for (; last != parts_.end() && last->second <= pages.end; ++last)
      parts.push_back({last->first, last->second});
    parts_.erase(first, last);
  }
  release(parts, ordinal_);
}

std::size_t pinned_memory::copyable(const std::byte* begin, std::size_t length) const {
  const std::lock_guard lock{mutex_};
  const auto at = reinterpret_cast<address>(begin);
  auto next = parts_.upper_bound(at);
  auto end = next == parts_.end() ? at + length : next->first;
  if (next != parts_.begin() && std::prev(next)->second > at)
    end = std::prev(next)->second;
  return std::min<std::size_t>(length, end - at);
}

} // namespace ckpt::gpu
