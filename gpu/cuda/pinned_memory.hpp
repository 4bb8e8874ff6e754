// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Host memory pinned (registered with CUDA) for all GPUs of this process. Registering some gigabytes takes
// seconds, so it is done by several threads where they can be started; so is releasing. Hazard: one copy must not touch two
// registrations; whoever copies asks copyable() where one ends.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>

namespace ckpt::gpu {

class pinned_memory {
public:
  /// `ordinal` is a GPU that this process uses anyway: CUDA registers memory through some GPU's context.
  explicit pinned_memory(int ordinal) : ordinal_{ordinal} {}
  pinned_memory(const pinned_memory&) = delete;
  pinned_memory& operator=(const pinned_memory&) = delete;
  /// Releases all registrations; the memory must still be mapped.
  ~pinned_memory() noexcept;

  /// Registers the pages of `memory` that are not registered yet. Throws cuda_error; then nothing new stays
  /// registered.
  void add(std::span<std::byte> memory);

  /// Releases the registrations that lie within the pages of `memory`.
  void remove(std::span<const std::byte> memory) noexcept;

  /// How many bytes from `begin` on, at most `length`, lie in one registration and may be copied at once.
  [[nodiscard]] std::size_t copyable(const std::byte* begin, std::size_t length) const;

private:
  using address = std::uintptr_t;

  int ordinal_;
  std::mutex adding_;                ///< one add() or remove() at a time; copies go on meanwhile
  mutable std::mutex mutex_;         ///< guards what follows
  std::map<address, address> parts_; ///< as they were registered: end by begin
};

} // namespace ckpt::gpu
