// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Streams and events: a stream is a thread that does one operation after the other, an event the end of one.
// After a failed operation a stream does nothing more.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <cuda_runtime_api.h>

namespace ckpt::stand_in {

/// A point in a stream, and whether it has been reached.
class mark {
public:
  void reach(cudaError_t result);
  [[nodiscard]] cudaError_t query() const; ///< cudaErrorNotReady until it is reached
  [[nodiscard]] cudaError_t wait() const;

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable reached_;
  std::optional<cudaError_t> result_;
};

} // namespace ckpt::stand_in

/// What cudaStream_t points to.
struct CUstream_st {
  explicit CUstream_st(int number) : gpu{number} {}
  CUstream_st(const CUstream_st&) = delete;
  CUstream_st& operator=(const CUstream_st&) = delete;

  const int gpu; ///< by CUDA's number

  /// Appends an operation.
  void push(std::function<cudaError_t()> work);

  /// Appends a mark, which is reached whatever fails before it.
  [[nodiscard]] std::shared_ptr<ckpt::stand_in::mark> push_mark();

  /// Of the operation that failed, or success.
  [[nodiscard]] cudaError_t failure() const;

  /// Runs on the stream's thread, until end() was called and everything is done.
  void run();
  void end();

private:
  struct operation {
    std::function<cudaError_t()> work;
    std::shared_ptr<ckpt::stand_in::mark> reached;
  };
  void append(operation one);
  void carry_out(operation& one);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<operation> waiting_;
  bool is_ending_ = false;
  cudaError_t failure_ = cudaSuccess;
};

/// What cudaEvent_t points to.
struct CUevent_st {
  explicit CUevent_st(int number) : gpu{number} {}
  const int gpu;
  std::mutex mutex;
  std::shared_ptr<ckpt::stand_in::mark> latest; ///< none: it was never recorded
};

namespace ckpt::stand_in {

[[nodiscard]] cudaStream_t make_stream(int gpu);
[[nodiscard]] std::shared_ptr<CUstream_st> find_stream(cudaStream_t stream);
[[nodiscard]] bool destroy_stream(cudaStream_t stream);

/// Waits for everything that was put into the streams of this GPU. The first failure, or success.
[[nodiscard]] cudaError_t synchronize_gpu(int gpu);

[[nodiscard]] cudaEvent_t make_event(int gpu);
[[nodiscard]] std::shared_ptr<CUevent_st> find_event(cudaEvent_t event);
[[nodiscard]] bool destroy_event(cudaEvent_t event);

} // namespace ckpt::stand_in
