// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/nccl_collective.hpp"

#include "gpu/cuda_device.hpp"
#include "gpu/cuda_error.hpp"
#include "gpu/cuda_stream.hpp"
#include "gpu/nccl_library.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <deque>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// Between two looks at what NCCL and the GPUs are doing.
constexpr auto look_interval = 50us;

/// What NCCL gets to end in peace, when all is done.
constexpr auto finalize_wait = 2s;

/// One GPU has what it has: every broadcast is complete when it is issued.
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

/// A GPU of this host and its communicator. The stream goes after the communicator that works on it.
struct member {
  explicit member(const device& gpu)
      : target{&gpu}, stream{std::make_unique<cuda_stream>(ring_of(gpu).ordinal)} {}

  const device* target;
  std::unique_ptr<cuda_stream> stream;
  ncclComm_t communicator = nullptr;
};

class nccl_collective final : public collective {
public:
  explicit nccl_collective(const std::vector<const device*>& devices) : library_{nccl()} {
    for (const auto* each : devices)
      members_.emplace_back(*each);
    // Every host makes an id; the first host's is the one that counts.
    check(library_.get_unique_id(&id_), "ncclGetUniqueId");
  }

  nccl_collective(const nccl_collective&) = delete;
  nccl_collective& operator=(const nccl_collective&) = delete;

  ~nccl_collective() noexcept override {
    if (!failure_ && waiting_.empty() && completed_ == issued_ && finalize())
      for (auto& each : members_)
        static_cast<void>(library_.comm_destroy(each.communicator));
    else
      abort();
  }

  [[nodiscard]] std::string description() const override { return "NCCL " + library_.version; }

  [[nodiscard]] std::string address() const override { return {id_.internal, sizeof id_.internal}; }

  void connect(const collective_peers& peers) override {
    assert(members_.front().communicator == nullptr);
    if (peers.first_address.size() != sizeof id_.internal)
      throw cuda_error{"host 0 sent an NCCL id of " + std::to_string(peers.first_address.size()) + " bytes"};
    std::memcpy(id_.internal, peers.first_address.data(), sizeof id_.internal);
    const auto ranks = static_cast<int>(peers.hosts * members_.size());
    auto rank = static_cast<int>(peers.host * members_.size());
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    in_group([&](member& each) {
      const current_gpu current{ring_of(*each.target).ordinal};
      check(library_.comm_init_rank_config(&each.communicator, ranks, id_, rank++, &config),
            "ncclCommInitRankConfig");
    });
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

private:
  struct order {
    std::uint32_t root_rank = 0;
    std::uint64_t ring_offset = 0;
    std::uint64_t length = 0;
  };

  [[nodiscard]] std::string describe(ncclResult_t result, const std::string& call) const {
    return call + ": " + library_.get_error_string(result);
  }

  /// A non-blocking call that goes on is no failure.
  void check(ncclResult_t result, const std::string& call) const {
    if (result != ncclSuccess && result != ncclInProgress)
      throw cuda_error{describe(result, call)};
  }

  /// Runs `work` for every member between the two calls that make one operation of theirs. A group that was
  /// begun is ended whatever happens: NCCL would put everything after it, aborts too, into it.
  template <class Function>
  void in_group(Function work) {
    check(library_.group_start(), "ncclGroupStart");
    std::exception_ptr failed;
    try {
      for (auto& each : members_)
        work(each);
    } catch (...) {
      failed = std::current_exception();
    }
    const auto ended = library_.group_end();
    if (failed)
      std::rethrow_exception(failed);
    check(ended, "ncclGroupEnd");
  }

  /// Keeps the first failure, and ends every communicator here: kernels that wait for a lost rank end, and
  /// the other hosts notice.
  void fail(const std::string& what) {
    if (failure_)
      return;
    failure_ = queue_failure{completed_ + 1, what};
    abort();
  }

  void abort() noexcept {
    for (auto& each : members_) {
      if (each.communicator == nullptr)
        continue;
      static_cast<void>(library_.comm_abort(each.communicator));
      each.communicator = nullptr; // Not before: the end of its setting up would write it once more.
    }
  }

  /// True when all communicators here are ready for the next call.
  [[nodiscard]] bool is_ready() {
    bool ready = true;
    for (const auto& each : members_) {
      auto state = ncclInProgress;
      if (each.communicator == nullptr)
        return false;
      const auto asked = library_.comm_get_async_error(each.communicator, &state);
      if (asked != ncclSuccess)
        state = asked;
      if (state != ncclSuccess && state != ncclInProgress) {
        fail(describe(state, "NCCL on " + each.target->description()));
        return false;
      }
      ready = ready && state == ncclSuccess;
    }
    return ready;
  }

  /// A group's operations are in their streams only when the communicators are ready again: the events that
  /// tell of their end come then, and before the next group.
  void start_more() {
    while (!failure_ && is_ready()) {
      if (std::exchange(is_unmarked_, false))
        for (auto& each : members_)
          static_cast<void>(each.stream->enqueue("ncclBroadcast", [](CUstream_st*) { return cudaSuccess; }));
      if (waiting_.empty())
        return;
      start(waiting_.front());
      waiting_.pop_front();
    }
  }

  void start(const order& next) {
    try {
      in_group([&](member& each) {
        const auto ring = ring_of(*each.target);
        assert(next.ring_offset + next.length <= ring.bytes);
        const current_gpu current{ring.ordinal};
        auto* range = ring.memory + next.ring_offset;
        check(library_.broadcast(range, range, next.length, ncclUint8, static_cast<int>(next.root_rank),
                                 each.communicator, each.stream->raw()),
              "ncclBroadcast");
      });
    } catch (const cuda_error& error) {
      fail(error.what());
      return;
    }
    is_unmarked_ = true;
  }

  void look() {
    if (failure_)
      return;
    ticket completed = issued_;
    for (auto& each : members_) {
      const auto progress = each.stream->wait(completed_, 0ms);
      completed = std::min(completed, progress.completed);
      if (progress.failure)
        return fail(progress.failure->what);
    }
    completed_ = completed;
  }

  /// True when all communicators here have ended in order.
  [[nodiscard]] bool finalize() noexcept {
    const auto deadline = clock::now() + finalize_wait;
    for (auto& each : members_) {
      if (each.communicator == nullptr)
        return false;
      const auto result = library_.comm_finalize(each.communicator);
      if (result != ncclSuccess && result != ncclInProgress)
        return false;
    }
    for (auto& each : members_) {
      auto state = ncclInProgress;
      while (library_.comm_get_async_error(each.communicator, &state) == ncclSuccess
             && state == ncclInProgress && clock::now() < deadline)
        std::this_thread::sleep_for(look_interval);
      if (state != ncclSuccess)
        return false;
    }
    return true;
  }

  const nccl_library& library_;
  ncclUniqueId id_{};
  std::vector<member> members_;
  std::deque<order> waiting_;
  ticket issued_ = 0;
  ticket completed_ = 0;
  bool is_unmarked_ = false; ///< the last group given to NCCL has no events behind it yet
  std::optional<queue_failure> failure_;
};

} // namespace

std::unique_ptr<collective> make_cuda_collective(const std::vector<const device*>& devices,
                                                 std::uint32_t hosts) {
  if (devices.size() * hosts == 1)
    return std::make_unique<lone_collective>();
  return std::make_unique<nccl_collective>(devices);
}

} // namespace ckpt::gpu
