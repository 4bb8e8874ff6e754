// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One NCCL communicator for each GPU of this host, non-blocking, all used by one thread at a time. They take
// long to set up and live longer than an update: as long as the same hosts meet again and nothing failed, the
// next update finds them as they are.

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
  /// For the GPUs of this host, in the order of their ranks, made by open_cuda_devices(); they outlive this.
  /// Throws cuda_error.
  explicit nccl_communicators(std::vector<const device*> devices);
  nccl_communicators(const nccl_communicators&) = delete;
  nccl_communicators& operator=(const nccl_communicators&) = delete;

  /// In order where all is well, which waits for the other hosts for some seconds; else by abort().
  ~nccl_communicators() noexcept;

  [[nodiscard]] const std::vector<const device*>& devices() const noexcept { return devices_; }
  [[nodiscard]] std::string description() const { return "NCCL " + library_.version; }

  /// The id by which hosts that are not connected find together. Throws cuda_error.
  [[nodiscard]] std::string address();

  /// See collective::connection().
  [[nodiscard]] std::string connection();

  /// Leaves what connects the hosts, or begins to connect them anew. Throws cuda_error.
  void connect(const collective_peers& peers);

  /// True when all of them are ready for the next call. Throws cuda_error when one has failed.
  [[nodiscard]] bool are_ready();

  /// From connect() until they were ready, if they are. Any thread.
  [[nodiscard]] std::chrono::duration<double> connecting_took() const noexcept {
    return std::chrono::duration<double>{connecting_seconds_};
  }

  /// True when no call of theirs is under way, and none of them has failed.
  [[nodiscard]] bool are_idle() noexcept;

  /// Ends all of them at once: kernels that wait for a lost rank end, and the other hosts notice. What NCCL
  /// does not end within some seconds is left behind: then they are stuck.
  void abort() noexcept;

  /// Runs `work(device, communicator)` for each between the two calls that make one operation of theirs; what
  /// it returns is the result of a call of NCCL's that `call` names. Throws cuda_error, with the GPU's name.
  template <class Function>
  void in_group(const std::string& call, Function work);

  /// True once NCCL did not end what it was told to: see collective::is_stuck(). Any thread.
  [[nodiscard]] bool are_stuck() const noexcept { return are_stuck_; }

private:
  [[nodiscard]] std::string describe(ncclResult_t result, const std::string& call) const;

  /// A non-blocking call that goes on is no failure.
  void check(ncclResult_t result, const std::string& call) const;

  [[nodiscard]] bool finalize() noexcept;

  const nccl_library& library_;
  std::vector<const device*> devices_;
  std::vector<ncclComm_t> communicators_; ///< one for each device, or none
  std::string connection_;                ///< the id behind the communicators
  std::chrono::steady_clock::time_point connect_began_;
  std::atomic<bool> are_stuck_ = false;
  std::atomic<double> connecting_seconds_ = 0; ///< 0 until they are ready
  std::optional<ncclUniqueId> unused_id_;      ///< made here, and nobody has met by it
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
  // A group that was begun is ended whatever happens: NCCL would put everything after it, aborts too, into
  // it.
  const auto ended = library_.group_end();
  if (failed)
    std::rethrow_exception(failed);
  check(ended, "ncclGroupEnd");
}

} // namespace ckpt::gpu
