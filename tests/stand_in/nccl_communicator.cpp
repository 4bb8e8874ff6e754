// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/nccl_communicator.hpp"

#include "tests/stand_in/race_detector.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <span>

using namespace ckpt::stand_in;

namespace {

/// What every rank tells all others before a broadcast: NCCL relies on their being the same.
struct announcement {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  std::int64_t root = 0;
  bool operator==(const announcement&) const = default;
};

} // namespace

ncclResult_t ncclComm::state() {
  const auto of_calls = state_.load();
  return of_calls != ncclSuccess ? of_calls : network_state_.load();
}

void ncclComm::attach(const std::shared_ptr<group_job>& job) {
  if (!job_)
    job_ = job;
}

ncclResult_t ncclComm::ensure_ready() {
  const auto now = state();
  if (job_ && (end_.is_raised() || now == ncclSuccess))
    std::exchange(job_, nullptr)->join();
  if (end_.is_raised())
    return ncclSuccess;
  if (now != ncclInProgress)
    return now;
  std::fprintf(stderr, "stand-in for NCCL: rank %d is used before its last call was done\n", rank);
  return ncclInvalidArgument;
}

ncclResult_t ncclComm::connect(const meeting_place& place) {
  try {
    auto links = std::make_unique<mesh>(place, rank, ranks, uuid, end_);
    if (links->shares_gpus()) {
      std::fprintf(stderr, "stand-in for NCCL: two ranks have the same GPU\n");
      return ncclInvalidUsage;
    }
    const std::lock_guard lock{mutex_};
    links_ = std::move(links);
    return ncclSuccess;
  } catch (const interrupted&) {
    return ncclInternalError;
  } catch (const rank_lost&) {
    return ncclRemoteError;
  }
}

ncclResult_t ncclComm::start(const broadcast_order& order) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    number = started_++;
  }
  const auto put =
      enqueue(order.stream, [self = shared_from_this(), order, number] { self->run(order, number); });
  return put ? ncclSuccess : ncclUnhandledCudaError;
}

void ncclComm::run(const broadcast_order& order, std::uint64_t number) {
  {
    const std::lock_guard lock{mutex_};
    if (number != done_)
      undefined("NCCL: broadcasts of one communicator are in streams that nothing orders");
    is_running_ = !end_.is_raised();
  }
  if (is_broadcast_to_get_stuck()) {
    is_stuck = true;
    network_state_ = ncclUnhandledCudaError;
    hang_for_ever();
  }
  try {
    if (is_running_)
      broadcast(order, number);
  } catch (const interrupted&) {
  } catch (const rank_lost&) {
    // As with NCCL the operation stays where it is until somebody aborts the communicator.
    network_state_ = ncclRemoteError;
    end_.wait();
  }
  const std::lock_guard lock{mutex_};
  ++done_;
  is_running_ = false;
  changed_.notify_all();
}

void ncclComm::broadcast(const broadcast_order& order, std::uint64_t number) const {
  agree(order, number);
  if (rank != order.root) {
    links_->receive(order.root, {order.destination, order.bytes});
    wrote(order.destination, order.bytes);
    return;
  }
  if (order.source != order.destination)
    std::memmove(order.destination, order.source, order.bytes);
  has_read(order.destination, order.bytes);
  for (int other = 0; other < ranks; ++other)
    if (other != rank)
      links_->send(other, {order.destination, order.bytes});
}

/// So no broadcast starts anywhere before all ranks have come to it.
void ncclComm::agree(const broadcast_order& order, std::uint64_t number) const {
  const announcement here{number, order.bytes, order.root};
  for (int other = 0; other < ranks; ++other)
    if (other != rank)
      links_->send(other, std::as_bytes(std::span{&here, 1}));
  for (int other = 0; other < ranks; ++other) {
    if (other == rank)
      continue;
    announcement there;
    links_->receive(other, std::as_writable_bytes(std::span{&there, 1}));
    if (there != here)
      undefined("NCCL: ranks broadcast different things at the same time");
  }
}

ncclResult_t ncclComm::finish() {
  std::unique_lock lock{mutex_};
  while (done_ != started_ && !end_.is_raised())
    changed_.wait_for(lock, std::chrono::milliseconds{1});
  return done_ == started_ ? ncclSuccess : ncclInternalError;
}

void ncclComm::reclaim() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return !is_running_; });
  links_.reset();
}
