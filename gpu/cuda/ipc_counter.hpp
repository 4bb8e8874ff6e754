// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The reference counter in which torch tells the producer of CUDA IPC memory that a consumer has closed it:
// 80064 bytes of shared memory with the layout of torch's CudaIPCRefCountersFile. The consumer opens it by
// name only when it closes the memory, so the name has to last until then; torch tolerates its absence.

#include "gpu/owned_file.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace ckpt::gpu {

class ipc_counter {
public:
  /// A counter for one consumer of memory of the device with this uuid. Throws std::system_error.
  explicit ipc_counter(const std::string& uuid, const std::filesystem::path& directory = "/dev/shm");

  /// Removes the counters that killed processes have left for a device. Returns how many.
  static unsigned remove_stale(const std::filesystem::path& directory, const std::string& uuid) noexcept;

  /// The name for shm_open().
  [[nodiscard]] std::string name() const { return "/" + file_.path().filename().string(); }

  /// The one slot in use.
  [[nodiscard]] static constexpr std::uint64_t slot() noexcept { return 0; }

  /// Removes the name: a consumer that closes the memory later cannot report that any more.
  void hide() noexcept { file_.hide(); }

  /// True once the consumer has closed the memory. Any thread.
  [[nodiscard]] bool is_released() const noexcept;

private:
  owned_file file_;
};

/// The consumer's part, as in torch: signs off in `slot` of the counter `name`. False when that counter is
/// gone, which is no error.
bool sign_off(const std::string& name, std::uint64_t slot) noexcept;

} // namespace ckpt::gpu
