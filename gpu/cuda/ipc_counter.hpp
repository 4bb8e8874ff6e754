// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The reference counter by which torch tells the producer of CUDA IPC memory that a consumer has closed it:
// 80064 bytes of shared memory of the layout of torch's CudaIPCRefCountersFile. The consumer opens it by name
// only when it lets go, so it has its name until then; torch bears it when there is none any more.

#include "gpu/owned_file.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace ckpt::gpu {

class ipc_counter {
public:
  /// A counter for one consumer of memory of the device with this uuid. Throws std::system_error.
  explicit ipc_counter(const std::string& uuid, const std::filesystem::path& directory = "/dev/shm");

  /// Removes what killed processes have left of the counters of a device. Returns how many.
  static unsigned remove_stale(const std::filesystem::path& directory, const std::string& uuid) noexcept;

  /// As shm_open() takes it.
  [[nodiscard]] std::string name() const { return "/" + file_.path().filename().string(); }

  /// The one slot in use.
  [[nodiscard]] static constexpr std::uint64_t slot() noexcept { return 0; }

  /// Takes the name away: a consumer that lets go later on is not heard of.
  void hide() noexcept { file_.hide(); }

  /// True once the consumer has closed the memory. Any thread.
  [[nodiscard]] bool is_released() const noexcept;

private:
  owned_file file_;
};

/// The consumer's part, as torch plays it: says of the counter `name` that its `slot` has been let go of.
/// False when there is no such counter any more, which is nothing bad.
bool sign_off(const std::string& name, std::uint64_t slot) noexcept;

} // namespace ckpt::gpu
