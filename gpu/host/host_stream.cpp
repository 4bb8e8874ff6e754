// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/host/host_stream.hpp"

#include "gpu/guarded_copy.hpp"

#include <algorithm>

#include <pthread.h>

namespace ckpt::gpu {

host_stream::host_stream(const std::string& name) {
  install_fault_guard();
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

host_stream::~host_stream() noexcept = default;

ticket host_stream::enqueue(std::vector<transfer> transfers) {
  const std::lock_guard lock{mutex_};
  queue_.push_back(std::move(transfers));
  work_.notify_one();
  return ++issued_;
}

queue_progress host_stream::wait(ticket seen, std::chrono::milliseconds timeout) {
  std::unique_lock lock{mutex_};
  done_.wait_for(lock, timeout, [&] { return progress_.completed > seen || progress_.failure.has_value(); });
  return progress_;
}

void host_stream::run(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (work_.wait(lock, stop, [&] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const auto transfers = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const bool complete = std::ranges::all_of(transfers, [](const transfer& piece) {
      return guarded_copy(piece.destination, piece.source, piece.length);
    });
    lock.lock();
    if (!complete)
      progress_.failure =
          queue_failure{progress_.completed + 1, "the mapped file got shorter while it was copied", true};
    else
      ++progress_.completed;
    done_.notify_all();
    if (!complete)
      return; // Nothing after a failed operation is carried out, as on a GPU.
  }
}

} // namespace ckpt::gpu
