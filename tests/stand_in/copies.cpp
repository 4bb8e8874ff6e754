// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Registered memory is read and written by the kernel, on behalf of the copy engine: a page that has gone is
// an error then, where this process would get a signal. Everything else is copied by this process.

#include "tests/stand_in/copies.hpp"

#include "tests/stand_in/counters.hpp"
#include "tests/stand_in/race_detector.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace ckpt::stand_in {
namespace {

constexpr std::uint64_t page_bytes = 4096;

cudaError_t find_end(copy_end& end, const void* memory, std::uint64_t bytes) {
  if (auto place = gpu_memory().find(memory, bytes)) {
    end = std::move(*place);
    return cudaSuccess;
  }
  if (gpu_memory().holds(memory))
    return cudaErrorInvalidValue; // Beyond the end of an allocation.
  auto range = known_host_memory().look_up(memory, bytes);
  if (range.is == host_range::kind::straddling)
    return cudaErrorInvalidValue;
  end = host_end{static_cast<std::byte*>(const_cast<void*>(memory)), std::move(range)};
  return cudaSuccess;
}

bool fits(cudaMemcpyKind kind, bool from_gpu, bool to_gpu) {
  switch (kind) {
  case cudaMemcpyHostToDevice:
    return !from_gpu && to_gpu;
  case cudaMemcpyDeviceToHost:
    return from_gpu && !to_gpu;
  case cudaMemcpyDeviceToDevice:
    return from_gpu && to_gpu;
  case cudaMemcpyDefault:
    return from_gpu || to_gpu;
  default:
    return false;
  }
}

bool is_registered(const host_end& end) { return end.range.is == host_range::kind::registered; }

/// Pages of a registered file stay with the copy engine when the file is truncated; this process has lost
/// them. Their places keep what they had.
void read_registered(const device_place& to, const std::byte* from, std::uint64_t bytes) {
  for (std::uint64_t done = 0; done < bytes;) {
    const auto count =
        ::pwrite(to.range->file, from + done, bytes - done, static_cast<off_t>(to.offset + done));
    if (count > 0) {
      done += static_cast<std::uint64_t>(count);
      continue;
    }
    if (count < 0 && errno != EFAULT)
      undefined("the memory of a GPU cannot be written");
    if (!is_mapped(from + done))
      undefined("a copy from registered memory that was unmapped");
    const auto in_page = reinterpret_cast<std::uintptr_t>(from + done) % page_bytes;
    const auto lost = std::min(page_bytes - in_page, bytes - done);
    counted().vanished_bytes += lost;
    done += lost;
  }
  wrote(to.address(), bytes);
}

void write_registered(std::byte* to, const device_place& from, std::uint64_t bytes) {
  for (std::uint64_t done = 0; done < bytes;) {
    const auto count =
        ::pread(from.range->file, to + done, bytes - done, static_cast<off_t>(from.offset + done));
    if (count <= 0)
      undefined("a copy to registered memory that is not there any more");
    done += static_cast<std::uint64_t>(count);
  }
  has_read(from.address(), bytes);
}

} // namespace

bool planned_copy::is_synchronous() const {
  const auto* to = std::get_if<host_end>(&destination);
  const auto* from = std::get_if<host_end>(&source);
  return (to != nullptr && !is_registered(*to)) || (from != nullptr && !is_registered(*from));
}

cudaError_t plan_copy(planned_copy& plan, void* destination, const void* source, std::uint64_t bytes,
                      cudaMemcpyKind kind) {
  plan.bytes = bytes;
  if (const auto status = find_end(plan.destination, destination, bytes); status != cudaSuccess)
    return status;
  if (const auto status = find_end(plan.source, source, bytes); status != cudaSuccess)
    return status;
  return fits(kind, std::holds_alternative<device_place>(plan.source),
              std::holds_alternative<device_place>(plan.destination))
             ? cudaSuccess
             : cudaErrorInvalidValue;
}

cudaError_t carry_out(const planned_copy& plan) {
  if (is_copy_to_fail())
    return cudaErrorIllegalAddress;
  const auto* to_gpu = std::get_if<device_place>(&plan.destination);
  const auto* from_gpu = std::get_if<device_place>(&plan.source);
  if (to_gpu != nullptr && from_gpu != nullptr) {
    std::memmove(to_gpu->address(), from_gpu->address(), plan.bytes);
    return cudaSuccess;
  }
  const auto& host = std::get<host_end>(to_gpu != nullptr ? plan.source : plan.destination);
  (is_registered(host) ? counted().registered_bytes : counted().pageable_bytes) += plan.bytes;
  if (to_gpu != nullptr && is_registered(host))
    read_registered(*to_gpu, host.address, plan.bytes);
  else if (to_gpu != nullptr)
    std::memcpy(to_gpu->address(), host.address, plan.bytes);
  else if (is_registered(host))
    write_registered(host.address, *from_gpu, plan.bytes);
  else
    std::memcpy(host.address, from_gpu->address(), plan.bytes);
  return cudaSuccess;
}

void fill(const device_place& place, int value, std::uint64_t bytes) {
  std::memset(place.address(), value, bytes);
}

} // namespace ckpt::stand_in
