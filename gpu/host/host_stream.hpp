// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The counterpart of a CUDA stream: a queue of copies that one thread of its own carries out in order. Any
// thread may enqueue and wait.

#include "gpu/device.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ckpt::gpu {

class host_stream {
public:
  struct transfer {
    std::byte* destination = nullptr;
    const std::byte* source = nullptr;
    std::size_t length = 0;
  };

  /// `name` names the thread in debuggers and profilers (15 characters at most).
  explicit host_stream(const std::string& name);
  host_stream(const host_stream&) = delete;
  host_stream& operator=(const host_stream&) = delete;

  /// Finishes the operation under way and drops the others.
  ~host_stream() noexcept;

  /// Queues the transfers as one operation, which may be empty. The caller bounds the queue: by its slabs,
  /// its slots, or the pieces that fit into the ring.
  ticket enqueue(std::vector<transfer> transfers);

  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout);

private:
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable done_;
  std::deque<std::vector<transfer>> queue_;
  ticket issued_ = 0;
  queue_progress progress_;
  std::jthread thread_; // Last: it uses everything above.
};

} // namespace ckpt::gpu
