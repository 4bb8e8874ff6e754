// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A communicator: one rank's part in all broadcasts. Its state is what ncclCommGetAsyncError() tells. Like
// NCCL's it is used by one thread at a time; its broadcasts run on the threads of their streams.

#include "tests/stand_in/nccl_mesh.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <cuda_runtime_api.h>
#include <nccl.h>

namespace ckpt::stand_in {

struct broadcast_order {
  const std::byte* source = nullptr;
  std::byte* destination = nullptr;
  std::size_t bytes = 0;
  int root = 0;
  cudaStream_t stream = nullptr;
};

/// The thread behind a group of non-blocking calls.
class group_job {
public:
  ~group_job() { join(); }
  void start(std::thread thread) { thread_ = std::move(thread); }
  void join() {
    const std::lock_guard lock{mutex_};
    if (thread_.joinable())
      thread_.join();
  }
  [[nodiscard]] bool is_joined() const {
    const std::lock_guard lock{mutex_};
    return !thread_.joinable();
  }

private:
  mutable std::mutex mutex_;
  std::thread thread_;
};

} // namespace ckpt::stand_in

/// What ncclComm_t points to.
struct ncclComm : std::enable_shared_from_this<ncclComm> {
  ncclComm(int its_rank, int its_ranks, int its_gpu, const ckpt::stand_in::gpu_uuid& its_uuid)
      : rank{its_rank}, ranks{its_ranks}, gpu{its_gpu}, uuid{its_uuid} {}
  ncclComm(const ncclComm&) = delete;
  ncclComm& operator=(const ncclComm&) = delete;

  const int rank;
  const int ranks;
  const int gpu; ///< by CUDA's number
  const ckpt::stand_in::gpu_uuid uuid;
  int set = 0; ///< the number of what was set up together

  /// As ncclCommGetAsyncError() tells it.
  [[nodiscard]] ncclResult_t state();
  void set_state(ncclResult_t state) noexcept { state_ = state; }
  void attach(const std::shared_ptr<ckpt::stand_in::group_job>& job);

  /// What keeps the next call from being taken, or success. Completes the group before.
  [[nodiscard]] ncclResult_t ensure_ready();

  /// Finds the other ranks and connects with them. Blocks.
  [[nodiscard]] ncclResult_t connect(const ckpt::stand_in::meeting_place& place);

  /// Puts the broadcast into its stream.
  [[nodiscard]] ncclResult_t start(const ckpt::stand_in::broadcast_order& order);

  /// Waits until every broadcast that was started is done. Blocks.
  [[nodiscard]] ncclResult_t finish();
  bool is_finalized = false;

  /// Something of it will never leave its stream, as after a fault of the GPU: nothing can end it.
  std::atomic<bool> is_stuck = false;

  /// Lets everything end that waits for other ranks.
  void interrupt() { end_.raise(); }

  /// Breaks the connections, once nothing uses them any more.
  void reclaim();

private:
  void run(const ckpt::stand_in::broadcast_order& order, std::uint64_t number);
  void broadcast(const ckpt::stand_in::broadcast_order& order, std::uint64_t number) const;
  void agree(const ckpt::stand_in::broadcast_order& order, std::uint64_t number) const;

  ckpt::stand_in::interruption end_;
  std::atomic<ncclResult_t> state_ = ncclSuccess;
  std::atomic<ncclResult_t> network_state_ = ncclSuccess;
  std::shared_ptr<ckpt::stand_in::group_job> job_;

  std::mutex mutex_; ///< guards what follows
  std::condition_variable changed_;
  std::unique_ptr<ckpt::stand_in::mesh> links_;
  std::uint64_t started_ = 0;
  std::uint64_t done_ = 0;
  bool is_running_ = false;
};
