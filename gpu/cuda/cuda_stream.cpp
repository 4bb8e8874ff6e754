// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/cuda_stream.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/use_gpu.hpp"

#include <thread>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// Pause between two looks at an event: short against a copy of some megabytes, long against a look.
constexpr auto look_interval = 20us;

} // namespace

cuda_stream::cuda_stream(int ordinal) : ordinal_{ordinal} {
  use_gpu(ordinal_);
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking),
             "cudaStreamCreateWithFlags on GPU " + std::to_string(ordinal_));
}

cuda_stream::~cuda_stream() noexcept {
  use_gpu_if_possible(ordinal_);
  static_cast<void>(cudaStreamSynchronize(stream_));
  for (const auto& issued : under_way_)
    static_cast<void>(cudaEventDestroy(issued.done));
  for (auto* event : spare_events_)
    static_cast<void>(cudaEventDestroy(event));
  static_cast<void>(cudaStreamDestroy(stream_));
}

CUevent_st* cuda_stream::take_event() {
  if (spare_events_.empty()) {
    cudaEvent_t made = nullptr;
    check_cuda(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    return made;
  }
  auto* event = spare_events_.back();
  spare_events_.pop_back();
  return event;
}

ticket cuda_stream::enqueue(const std::string& call, const std::function<int(CUstream_st*)>& issue) {
  const std::lock_guard lock{mutex_};
  const auto number = ++issued_;
  if (refused_)
    return number; // Nothing after a failed operation is carried out.
  cudaEvent_t event = nullptr;
  try {
    use_gpu(ordinal_);
    event = take_event();
  } catch (const cuda_error& error) {
    refused_ = queue_failure{number, error.what()};
    return number;
  }
  auto status = issue(stream_);
  if (status == cudaSuccess)
    status = cudaEventRecord(event, stream_);
  if (status == cudaSuccess) {
    under_way_.push_back({number, event, call});
    return number;
  }
  spare_events_.push_back(event);
  refused_ = failure_of(number, status, call);
  return number;
}

queue_progress cuda_stream::wait(ticket seen, std::chrono::milliseconds timeout) {
  const auto deadline = clock::now() + timeout;
  while (true) {
    {
      const std::lock_guard lock{mutex_};
      look();
      if (progress_.completed > seen || progress_.failure || clock::now() >= deadline)
        return progress_;
    }
    std::this_thread::sleep_for(look_interval);
  }
}

void cuda_stream::look() {
  if (progress_.failure)
    return;
  use_gpu_if_possible(ordinal_);
  while (!under_way_.empty()) {
    const auto& oldest = under_way_.front();
    const auto status = cudaEventQuery(oldest.done);
    if (status == cudaErrorNotReady) {
      static_cast<void>(cudaGetLastError());
      return;
    }
    if (status != cudaSuccess) {
      progress_.failure = refused_ = failure_of(oldest.number, status, oldest.call);
      return;
    }
    progress_.completed = oldest.number;
    spare_events_.push_back(oldest.done);
    under_way_.pop_front();
  }
  progress_.failure = refused_;
}

queue_failure cuda_stream::failure_of(ticket at, int status, const std::string& call) const {
  return {at, describe_cuda_failure(status, call + " on GPU " + std::to_string(ordinal_))};
}

} // namespace ckpt::gpu
