// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A queue of requests, a list of results, and the threads between them.

#include "io/read/thread_reader.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>

#include <unistd.h>

namespace ckpt::io {

namespace {

/// Time for reads that nobody drained before the destructor.
constexpr std::chrono::seconds destructor_drain_max{5};

} // namespace

struct thread_reader::shared {
  explicit shared(unsigned copying_max) : copying_threads_max{copying_max} {}

  /// The first request that a thread may begin now.
  [[nodiscard]] auto next() {
    return std::ranges::find_if(queue, [&](const read_progress& each) {
      return !each.is_copy() || copying_threads < copying_threads_max;
    });
  }

  std::mutex mutex;
  std::condition_variable work; ///< a request that may begin, or the end
  std::condition_variable done; ///< a result, or a thread that became idle
  std::deque<read_progress> queue;
  std::vector<read_progress> finished;
  unsigned busy_threads = 0;
  unsigned copying_threads = 0; ///< of those
  const unsigned copying_threads_max;
  bool stopping = false;
  std::atomic<bool> cancelling = false; ///< looked at between two system calls of a request
};

thread_reader::thread_reader(const chunk_reader_options& options)
    : shared_{std::make_shared<shared>(options.copying_threads)}, in_flight_max_{options.in_flight_max},
      request_bytes_max_{options.request_bytes_max}, copies_max_{copies_max(options)} {
  assert(options.in_flight_max > 0 && options.threads > 0 && options.copying_threads > 0);
  shared_->finished.reserve(in_flight_max_);
  threads_.reserve(options.threads);
  try {
    for (unsigned i = 0; i < options.threads; ++i)
      threads_.emplace_back([state = shared_] { run(state); });
  } catch (...) {
    stop();
    throw;
  }
}

thread_reader::~thread_reader() noexcept {
  // A caller that has to know that nothing writes any more has called drain() before.
  if (!drain(destructor_drain_max))
    for (auto& thread : threads_)
      thread.detach();
  stop();
}

void thread_reader::stop() noexcept {
  {
    const std::lock_guard lock{shared_->mutex};
    shared_->stopping = true;
  }
  shared_->work.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable())
      thread.join();
}

void thread_reader::run(const std::shared_ptr<shared>& state) {
  std::unique_lock lock{state->mutex};
  while (true) {
    state->work.wait(lock, [&] { return state->stopping || state->next() != state->queue.end(); });
    if (state->stopping)
      return;
    const auto chosen = state->next();
    auto progress = *chosen;
    state->queue.erase(chosen);
    ++state->busy_threads;
    state->copying_threads += progress.is_copy() ? 1 : 0;
    lock.unlock();

    auto step = read_progress::state::unfinished;
    while (step == read_progress::state::unfinished && !state->cancelling) {
      const auto call = progress.next_call();
      const auto count = ::pread(call.file, call.destination, call.length, static_cast<off_t>(call.offset));
      step = progress.advance(count < 0 ? -errno : static_cast<int>(count));
    }

    lock.lock();
    --state->busy_threads;
    // No thread is woken for the copy that may begin now: this thread takes it next.
    state->copying_threads -= progress.is_copy() ? 1 : 0;
    if (!state->cancelling)
      state->finished.push_back(progress);
    state->done.notify_one();
  }
}

bool thread_reader::submit(const read_request& request) {
  assert(request.window.length <= request_bytes_max_);
  if (in_flight_ == in_flight_max_)
    return false;
  const read_progress progress{request};
  if (progress.is_copy() && copies_ == copies_max_)
    return false;
  {
    const std::lock_guard lock{shared_->mutex};
    shared_->queue.push_back(progress);
  }
  shared_->work.notify_one();
  ++in_flight_;
  copies_ += progress.is_copy() ? 1 : 0;
  return true;
}

std::size_t thread_reader::wait(std::chrono::milliseconds timeout, std::vector<read_result>& results) {
  if (in_flight_ == 0)
    return 0;
  std::unique_lock lock{shared_->mutex};
  shared_->done.wait_for(lock, timeout, [&] { return !shared_->finished.empty(); });
  const auto count = shared_->finished.size();
  for (const auto& progress : shared_->finished) {
    results.push_back(progress.result());
    copies_ -= progress.is_copy() ? 1 : 0;
  }
  shared_->finished.clear();
  in_flight_ -= static_cast<unsigned>(count);
  return count;
}

bool thread_reader::drain(std::chrono::milliseconds timeout) noexcept {
  std::unique_lock lock{shared_->mutex};
  shared_->cancelling = true;
  shared_->queue.clear();
  if (!shared_->done.wait_for(lock, timeout, [&] { return shared_->busy_threads == 0; }))
    return false;
  shared_->finished.clear();
  shared_->cancelling = false;
  in_flight_ = 0;
  copies_ = 0;
  return true;
}

} // namespace ckpt::io
