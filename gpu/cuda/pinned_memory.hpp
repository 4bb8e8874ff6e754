// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Host memory that the GPUs' copy engines know, for all GPUs of this process at once. Registering takes
// seconds for some gigabytes and goes on in parallel; so does releasing. A copy must not touch two
// registrations: whoever copies asks where one ends.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>

namespace ckpt::gpu {

class pinned_memory {
public:
  /// `ordinal` is a GPU that this process uses anyway: CUDA needs one to register with.
  explicit pinned_memory(int ordinal);
  pinned_memory(const pinned_memory&) = delete;
  pinned_memory& operator=(const pinned_memory&) = delete;
  /// Releases everything; the memory is still there.
  ~pinned_memory() noexcept;

  /// read_only: a shared mapping of a file that can only be read.
  enum class access : std::uint8_t { read_write, read_only };

  /// True when memory that can only be read is registered as what it is; else its file has to be open for
  /// writing, and it is writable while it is registered.
  [[nodiscard]] bool knows_read_only() const noexcept { return knows_read_only_; }

  /// Registers the pages of `memory` that are not registered yet. Throws cuda_error or std::system_error, and
  /// has nothing more than before then.
  void add(std::span<const std::byte> memory, access allowed);

  /// Releases what was registered within the pages of `memory`.
  void remove(std::span<const std::byte> memory) noexcept;

  /// How many bytes from `begin` on, at most `length`, one copy may take.
  [[nodiscard]] std::size_t copyable(const std::byte* begin, std::size_t length) const;

private:
  using address = std::uintptr_t;

  int ordinal_;
  bool knows_read_only_ = false;
  std::mutex adding_;                ///< one add() at a time; copies go on meanwhile
  mutable std::mutex mutex_;         ///< guards what follows
  std::map<address, address> parts_; ///< as they were registered: end by begin
};

} // namespace ckpt::gpu
