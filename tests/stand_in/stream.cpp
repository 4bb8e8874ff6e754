// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/stream.hpp"

#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace ckpt::stand_in {
namespace {

/// What is alive of one kind, by the handle that the program has.
template <class Object>
class living {
public:
  std::shared_ptr<Object> add(int gpu) {
    auto made = std::make_shared<Object>(gpu);
    const std::lock_guard lock{mutex_};
    objects_.emplace(made.get(), made);
    return made;
  }
  std::shared_ptr<Object> find(Object* handle) const {
    const std::lock_guard lock{mutex_};
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }
  std::shared_ptr<Object> remove(Object* handle) {
    const std::lock_guard lock{mutex_};
    auto node = objects_.extract(handle);
    return node.empty() ? nullptr : std::move(node.mapped());
  }
  std::vector<std::shared_ptr<Object>> all() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::shared_ptr<Object>> found;
    for (const auto& [handle, object] : objects_)
      found.push_back(object);
    return found;
  }

private:
  mutable std::mutex mutex_;
  std::map<Object*, std::shared_ptr<Object>> objects_;
};

// Never destroyed: streams outlive main().
living<CUstream_st>& streams() {
  static auto* const once = new living<CUstream_st>;
  return *once;
}
living<CUevent_st>& events() {
  static auto* const once = new living<CUevent_st>;
  return *once;
}

/// Holds streams back while a test wants it.
class gate {
public:
  void set(bool held) {
    const std::lock_guard lock{mutex_};
    is_held_ = held;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return !is_held_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_held_ = false;
};

gate& stream_gate() {
  static auto* const once = new gate;
  return *once;
}

/// What else a host does makes a GPU late, and never the same way twice.
void dawdle() {
  const auto longest = configured().delay_max.count();
  if (longest == 0)
    return;
  thread_local std::minstd_rand random{std::random_device{}()};
  std::this_thread::sleep_for(std::chrono::microseconds{random() % static_cast<std::uint64_t>(longest + 1)});
}

} // namespace

void mark::reach(cudaError_t result) {
  const std::lock_guard lock{mutex_};
  result_ = result;
  reached_.notify_all();
}

cudaError_t mark::query() const {
  const std::lock_guard lock{mutex_};
  return result_.value_or(cudaErrorNotReady);
}

cudaError_t mark::wait() const {
  std::unique_lock lock{mutex_};
  reached_.wait(lock, [&] { return result_.has_value(); });
  return *result_;
}

cudaStream_t make_stream(int gpu) {
  auto made = streams().add(gpu);
  const auto handle = made.get();
  std::thread{[stream = std::move(made)] { stream->run(); }}.detach();
  return handle;
}

std::shared_ptr<CUstream_st> find_stream(cudaStream_t stream) { return streams().find(stream); }

bool destroy_stream(cudaStream_t stream) {
  const auto removed = streams().remove(stream);
  if (removed)
    removed->end();
  return removed != nullptr;
}

cudaError_t synchronize_gpu(int gpu) {
  auto first = cudaSuccess;
  for (const auto& stream : streams().all())
    if (stream->gpu == gpu)
      if (const auto result = stream->push_mark()->wait(); first == cudaSuccess)
        first = result;
  return first;
}

cudaEvent_t make_event(int gpu) { return events().add(gpu).get(); }

std::shared_ptr<CUevent_st> find_event(cudaEvent_t event) { return events().find(event); }

bool destroy_event(cudaEvent_t event) { return events().remove(event) != nullptr; }

void hold_streams(bool held) { stream_gate().set(held); }

bool enqueue(cudaStream_t stream, std::function<void()> work) {
  const auto found = find_stream(stream);
  if (!found)
    return false;
  found->push([run = std::move(work)] {
    run();
    return cudaSuccess;
  });
  return true;
}

int gpu_of(cudaStream_t stream) {
  const auto found = find_stream(stream);
  return found ? found->gpu : -1;
}

} // namespace ckpt::stand_in

void CUstream_st::push(std::function<cudaError_t()> work) { append({std::move(work), nullptr}); }

std::shared_ptr<ckpt::stand_in::mark> CUstream_st::push_mark() {
  auto made = std::make_shared<ckpt::stand_in::mark>();
  append({nullptr, made});
  return made;
}

void CUstream_st::append(operation one) {
  const std::lock_guard lock{mutex_};
  waiting_.push_back(std::move(one));
  changed_.notify_all();
}

cudaError_t CUstream_st::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

void CUstream_st::end() {
  const std::lock_guard lock{mutex_};
  is_ending_ = true;
  changed_.notify_all();
}

void CUstream_st::run() {
  while (true) {
    operation next;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [&] { return !waiting_.empty() || is_ending_; });
      if (waiting_.empty())
        return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    carry_out(next);
  }
}

/// Lets go of what the operation holds before anybody is told that it is done.
void CUstream_st::carry_out(operation& one) {
  ckpt::stand_in::stream_gate().pass();
  auto result = failure();
  if (one.work && result == cudaSuccess) {
    ckpt::stand_in::dawdle();
    result = one.work();
    const std::lock_guard lock{mutex_};
    failure_ = result;
  }
  one.work = nullptr;
  if (one.reached)
    one.reached->reach(result);
}
