// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The GPUs of one host and what joins them with those of other hosts, for tests: with rings that
// can be written and looked at.

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/nccl_collective.hpp"
#include "gpu/cuda/plain_copy.hpp"
#include "tests/support/collective_play.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ckpt::tests {

class gpu_host {
public:
  /// With `count` GPUs from CUDA's number `first` on, one of `hosts` that have as many.
  gpu_host(std::uint32_t first, std::uint32_t count, std::uint32_t hosts, std::uint64_t ring_bytes) {
    std::vector<std::uint32_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), first);
    devices_ = gpu::open_cuda_devices(numbers);
    std::vector<const gpu::device*> members;
    for (const auto& device : devices_) {
      device->begin_run(ring_bytes);
      members.push_back(device.get());
    }
    communicators_ = gpu::make_communicators(members, hosts);
    begin_update();
  }

  [[nodiscard]] gpu::collective& collective() { return *collective_; }
  [[nodiscard]] gpu::device& device(std::size_t index) { return *devices_[index]; }
  [[nodiscard]] std::uint32_t device_count() const { return static_cast<std::uint32_t>(devices_.size()); }
  void end_collective() {
    collective_.reset();
    communicators_.reset();
  }

  /// What connected the hosts in the update before is still there.
  void begin_update() {
    collective_.reset();
    collective_ = gpu::make_cuda_collective(communicators_);
  }

  /// Puts the bytes of a bucket into a ring, and waits until they are there.
  void write(std::size_t index, std::uint64_t offset, std::uint64_t length, std::uint64_t bucket) {
    std::vector<std::byte> bytes(length);
    for (std::uint64_t at = 0; at < length; ++at)
      bytes[at] = byte_at(bucket, at);
    const gpu::copy_piece piece[] = {{0, offset, length}};
    const auto ticket = devices_[index]->copy(bytes.data(), piece);
    if (wait_for(*devices_[index], ticket).completed < ticket)
      throw std::runtime_error{"a copy to a GPU failed"};
  }

  [[nodiscard]] std::vector<std::byte> read(std::size_t index, std::uint64_t offset,
                                            std::uint64_t length) const {
    std::vector<std::byte> bytes(length);
    gpu::read_back(*devices_[index], offset, bytes);
    return bytes;
  }

  [[nodiscard]] bool holds(std::size_t index, std::uint64_t offset, std::uint64_t length,
                           std::uint64_t bucket) const {
    const auto bytes = read(index, offset, length);
    for (std::uint64_t at = 0; at < length; ++at)
      if (bytes[at] != byte_at(bucket, at))
        return false;
    return true;
  }

private:
  std::vector<std::unique_ptr<gpu::device>> devices_;
  std::shared_ptr<gpu::nccl_communicators> communicators_;
  std::unique_ptr<gpu::collective> collective_;
};

} // namespace ckpt::tests
