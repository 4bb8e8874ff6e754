// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One non-blocking NCCL communicator for each GPU of this host, all used by one thread at a time. Setting up
// takes long, so they live longer than an update: the next update uses them again if its hosts are the same
// and nothing has failed.

#include "gpu/collective.hpp"
#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/nccl_library.hpp"
#include "gpu/device.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::gpu {

class nccl_communicators {
public:
  /// `devices` are the GPUs of this host in the order of their ranks, made by open_cuda_devices(); they
  /// outlive this. Throws cuda_error.
  explicit nccl_communicators(std::vector<const device*> devices);
  nccl_communicators(const nccl_communicators&) = delete;
  nccl_communicators& operator=(const nccl_communicators&) = delete;

  /// Finalizes them, waiting some seconds for the other hosts. Calls abort() if that fails, or one of them
  /// has failed before.
  ~nccl_communicators() noexcept;

  [[nodiscard]] const std::vector<const device*>& devices() const noexcept { return devices_; }
  [[nodiscard]] std::string description() const { return "NCCL " + library_.version; }

  /// The NCCL id (ncclUniqueId) of this host. All hosts connect with that of host 0: see connect(). Throws
  /// cuda_error.
  [[nodiscard]] std::string address();

  /// See collective::connection().
  [[nodiscard]] std::string connection();

  /// Keeps the present links if peers.stays_connected and the number of hosts is the same, else starts
  /// connecting anew. Throws cuda_error.
  void connect(const collective_peers& peers);

  /// True when all of them are ready for the next call. Throws cuda_error when one has failed.
  [[nodiscard]] bool are_ready();

  /// Time from connect() until they were ready; 0 before. Any thread.
  [[nodiscard]] std::chrono::duration<double> connecting_took() const noexcept {
    return std::chrono::duration<double>{connecting_seconds_};
  }

  /// True when none of them has a call under way, and none has failed.
  [[nodiscard]] bool are_idle() noexcept;

  /// Aborts all of them: kernels that wait for a lost rank end, and the other hosts notice. Communicators
  /// that NCCL does not end within some seconds are left behind: then are_stuck() is true.
  void abort() noexcept;

  /// Runs `work(device, communicator)` for each, as one NCCL group: a single operation on all of them. `work`
  /// returns the result of the NCCL call that `call` names. Throws cuda_error with the GPU's name.
  template <class Function>
  void in_group(const std::string& call, Function work);

  /// True once an abort has not ended in time: see collective::is_stuck(). Any thread.
  [[nodiscard]] bool are_stuck() const noexcept { return are_stuck_; }

private:
  [[nodiscard]] std::string describe(ncclResult_t result, const std::string& call) const;

  /// Throws for all results but success and ncclInProgress, with which a non-blocking call goes on.
  void check(ncclResult_t result, const std::string& call) const;

  [[nodiscard]] bool finalize() noexcept;

  const nccl_library& library_;
  std::vector<const device*> devices_;
  std::vector<ncclComm_t> communicators_; ///< one for each device, or none
  std::string connection_;                ///< the id that the communicators were made with
  std::uint32_t hosts_ = 0;               ///< among which they were made
  std::chrono::steady_clock::time_point connect_began_;
  std::atomic<bool> are_stuck_ = false;
  std::atomic<double> connecting_seconds_ = 0; ///< 0 until they are ready
  std::optional<ncclUniqueId> unused_id_;      ///< made here, and not used by a connect() yet
};

template <class Function>
void nccl_communicators::in_group(const std::string& call, Function work) {
  check(library_.group_start(), "ncclGroupStart");
  std::exception_ptr failed;
  try {
    for (std::size_t index = 0; index < devices_.size(); ++index)
      check(work(*devices_[index], communicators_[index]), call + " on " + devices_[index]->description());
  } catch (...) {
    failed = std::current_exception();
  }
  // A group that was begun is ended in any case: otherwise NCCL would add all later calls, aborts too, to it.
  const auto ended = library_.group_end();
  if (failed)
    std::rethrow_exception(failed);
  check(ended, "ncclGroupEnd");
}

} // namespace ckpt::gpu
