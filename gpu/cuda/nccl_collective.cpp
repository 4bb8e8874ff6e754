// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/nccl_collective.hpp"

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_stream.hpp"
#include "gpu/cuda/nccl_communicators.hpp"
#include "gpu/cuda/use_gpu.hpp"

#include <algorithm>
#include <cassert>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// Pause between two looks at NCCL and the GPUs.
constexpr auto look_interval = 50us;

/// A single GPU has no others to send to: every broadcast is complete when it is issued.
class lone_collective final : public collective {
public:
  [[nodiscard]] std::string description() const override { return "none: there is one GPU"; }
  ticket broadcast(std::uint32_t, std::uint64_t, std::uint64_t) override { return ++issued_; }
  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override {
    if (issued_ <= seen)
      std::this_thread::sleep_for(timeout);
    return {issued_, std::nullopt};
  }

private:
  ticket issued_ = 0;
};

class nccl_collective final : public collective {
public:
  explicit nccl_collective(std::shared_ptr<nccl_communicators> communicators)
      : communicators_{std::move(communicators)} {
    for (const auto* each : communicators_->devices())
      streams_.push_back(std::make_unique<cuda_stream>(ring_of(*each).ordinal));
  }

  nccl_collective(const nccl_collective&) = delete;
  nccl_collective& operator=(const nccl_collective&) = delete;

  ~nccl_collective() noexcept override { stop(); }

  [[nodiscard]] std::string description() const override { return communicators_->description(); }
  [[nodiscard]] std::string address() override { return communicators_->address(); }
  [[nodiscard]] std::string connection() override { return communicators_->connection(); }
  void connect(const collective_peers& peers) override { communicators_->connect(peers); }

  [[nodiscard]] std::chrono::duration<double> connecting_took() const noexcept override {
    return communicators_->connecting_took();
  }

  ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) override {
    waiting_.push_back({root_rank, ring_offset, length});
    const auto number = ++issued_;
    start_more();
    return number;
  }

  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override {
    const auto deadline = clock::now() + timeout;
    while (true) {
      start_more();
      look();
      if (completed_ > seen || failure_ || clock::now() >= deadline)
        return {completed_, failure_};
      std::this_thread::sleep_for(look_interval);
    }
  }

  /// Unfinished broadcasts would hold up the streams and mix with those of the next update. And NCCL's work
  /// on a call must not outlive the thread that made the call.
  void stop() noexcept override {
    if (completed_ != issued_ || !communicators_->are_idle())
      communicators_->abort();
  }

  [[nodiscard]] bool is_stuck() const noexcept override { return communicators_->are_stuck(); }

private:
  struct order {
    std::uint32_t root_rank = 0;
    std::uint64_t ring_offset = 0;
    std::uint64_t length = 0;
  };

  void fail(const std::string& what) {
    failure_ = queue_failure{completed_ + 1, what};
    communicators_->abort();
  }

  /// A group's operations are in their streams only when the communicators are ready again. The events that
  /// mark their end are recorded then, before the next group.
  void start_more() {
    try {
      while (!failure_ && communicators_->are_ready()) {
        if (std::exchange(is_unmarked_, false))
          for (auto& stream : streams_)
            static_cast<void>(stream->enqueue("ncclBroadcast", [](CUstream_st*) { return cudaSuccess; }));
        if (waiting_.empty())
          return;
        start(waiting_.front());
        waiting_.pop_front();
        is_unmarked_ = true;
      }
    } catch (const cuda_error& error) {
      fail(error.what());
    }
  }

  void start(const order& next) {
    auto stream = streams_.begin();
    communicators_->in_group("ncclBroadcast", [&](const device& gpu, ncclComm_t communicator) {
      const auto ring = ring_of(gpu);
      assert(next.ring_offset + next.length <= ring.bytes);
      use_gpu(ring.ordinal);
      auto* range = ring.memory + next.ring_offset;
      return nccl().broadcast(range, range, next.length, ncclUint8, static_cast<int>(next.root_rank),
                              communicator, (*stream++)->raw());
    });
  }

  void look() {
    if (failure_)
      return;
    ticket completed = issued_;
    for (auto& stream : streams_) {
      const auto progress = stream->wait(completed_, 0ms);
      completed = std::min(completed, progress.completed);
      if (progress.failure)
        return fail(progress.failure->what);
    }
    completed_ = completed;
  }

  std::shared_ptr<nccl_communicators> communicators_;
  std::vector<std::unique_ptr<cuda_stream>> streams_; ///< one for each GPU, for its broadcasts alone
  std::deque<order> waiting_;
  ticket issued_ = 0;
  ticket completed_ = 0;
  bool is_unmarked_ = false; ///< the last group given to NCCL has no events behind it yet
  std::optional<queue_failure> failure_;
};

} // namespace

std::shared_ptr<nccl_communicators> make_communicators(const std::vector<const device*>& devices,
                                                       std::uint32_t hosts) {
  return devices.size() * hosts == 1 ? nullptr : std::make_shared<nccl_communicators>(devices);
}

std::unique_ptr<collective> make_cuda_collective(std::shared_ptr<nccl_communicators> communicators) {
  if (!communicators)
    return std::make_unique<lone_collective>();
  return std::make_unique<nccl_collective>(std::move(communicators));
}

} // namespace ckpt::gpu
