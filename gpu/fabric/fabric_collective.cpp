// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/fabric_collective.hpp"

#include <cassert>
#include <utility>

#include <pthread.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// Turns in a row that find nothing to do, before the thread sleeps: falling asleep and waking up between two
/// packets costs more than looking again.
constexpr unsigned idle_turns_max = 200;

/// UCX has to look after its connections now and then, also when no event wakes the thread.
constexpr auto sleep_max = 100ms;

constexpr auto leave_wait = 1000ms;

std::vector<std::span<std::byte>> rings_of(const std::vector<const host_device*>& devices) {
  std::vector<std::span<std::byte>> rings;
  for (const auto* device : devices)
    rings.push_back(device->ring());
  return rings;
}

} // namespace

fabric_collective::fabric_collective(std::vector<const host_device*> devices, fabric_options options)
    : copies_{"broadcast"}, relay_{std::move(options), copies_}, devices_{std::move(devices)} {}

fabric_collective::~fabric_collective() noexcept {
  if (!thread_.joinable())
    return;
  thread_.request_stop();
  relay_.wake();
  thread_.join();
  if (orders_.empty()) // Otherwise the thread ended before it took all orders.
    relay_.leave(leave_wait);
}

void fabric_collective::connect(const collective_peers& ring) {
  assert(!thread_.joinable());
  relay_.connect(ring, rings_of(devices_));
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
  pthread_setname_np(thread_.native_handle(), "fabric");
}

ticket fabric_collective::broadcast(std::uint32_t root_rank, std::uint64_t ring_offset,
                                    std::uint64_t length) {
  assert(thread_.joinable());
  const std::lock_guard lock{mutex_};
  orders_.push_back({++issued_, root_rank, ring_offset, length});
  relay_.wake();
  return issued_;
}

queue_progress fabric_collective::wait(ticket seen, std::chrono::milliseconds timeout) {
  const auto deadline = clock::now() + timeout;
  std::unique_lock lock{mutex_};
  while (progress_.completed <= seen && !progress_.failure) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    if (left <= 0ms)
      break;
    if (arrivals_.empty()) {
      changed_.wait_for(lock, left);
      continue;
    }
    const auto [number, copies] = arrivals_.front();
    lock.unlock();
    const auto copied = copies == 0 ? queue_progress{} : copies_.wait(copies - 1, left);
    lock.lock();
    while (!arrivals_.empty() && arrivals_.front().copies <= copied.completed) {
      progress_.completed = arrivals_.front().number;
      arrivals_.pop_front();
    }
    if (copied.failure)
      progress_.failure = queue_failure{number, copied.failure->what};
  }
  return progress_;
}

void fabric_collective::run(const std::stop_token& stop) {
  unsigned idle_turns = 0;
  while (!stop.stop_requested() && !relay_.failure()) {
    take_issued();
    idle_turns = relay_.turn() ? 0 : idle_turns + 1;
    publish();
    if (idle_turns > idle_turns_max)
      relay_.wait(sleep_max);
  }
}

void fabric_collective::take_issued() {
  std::vector<fabric_relay::order> orders;
  {
    const std::lock_guard lock{mutex_};
    orders.swap(orders_);
  }
  for (const auto& issued : orders)
    relay_.issue(issued);
}

void fabric_collective::publish() {
  const auto arrivals = relay_.take_arrivals();
  if (arrivals.empty() && !relay_.failure())
    return;
  const std::lock_guard lock{mutex_};
  arrivals_.insert(arrivals_.end(), arrivals.begin(), arrivals.end());
  if (relay_.failure() && !progress_.failure)
    progress_.failure = relay_.failure();
  changed_.notify_all();
}

} // namespace ckpt::gpu
