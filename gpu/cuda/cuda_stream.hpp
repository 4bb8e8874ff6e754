// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One non-blocking stream of one GPU. An event is recorded after every operation, so one number tells how far
// the stream is. One thread issues; any thread waits.

#include "gpu/device.hpp"

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

struct CUstream_st; // cudaStream_t and cudaEvent_t point to these
struct CUevent_st;

namespace ckpt::gpu {

class cuda_stream {
public:
  /// Throws cuda_error. `ordinal` is CUDA's number of the GPU in this process.
  explicit cuda_stream(int ordinal);
  cuda_stream(const cuda_stream&) = delete;
  cuda_stream& operator=(const cuda_stream&) = delete;

  /// Waits for the operations under way, without a deadline. Nothing may be left that could hold them up.
  ~cuda_stream() noexcept;

  /// Makes the stream's GPU the calling thread's current one and calls `issue` with the stream. `issue`
  /// starts the operation and returns a cudaError_t. `call` names it in a failure, which wait() reports.
  ticket enqueue(const std::string& call, const std::function<int(CUstream_st*)>& issue);

  /// For operations that others put into the stream; an enqueue() after them tells when they have ended.
  [[nodiscard]] CUstream_st* raw() const noexcept { return stream_; }

  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout);

private:
  struct operation {
    ticket number = 0;
    CUevent_st* done = nullptr;
    std::string call;
  };

  void look();
  [[nodiscard]] queue_failure failure_of(ticket at, int status, const std::string& call) const;
  [[nodiscard]] CUevent_st* take_event();

  int ordinal_;
  CUstream_st* stream_ = nullptr;

  std::mutex mutex_; ///< guards what follows
  ticket issued_ = 0;
  std::deque<operation> under_way_;
  std::vector<CUevent_st*> spare_events_;
  /// Reported once all operations before it are done: CUDA may report an earlier one's error at a later call.
  std::optional<queue_failure> refused_;
  queue_progress progress_;
};

} // namespace ckpt::gpu
