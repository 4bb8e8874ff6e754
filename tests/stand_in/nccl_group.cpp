// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/nccl_group.hpp"

#include "tests/stand_in/stand_in.hpp"

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

namespace ckpt::stand_in {
namespace {

/// NCCL takes a while until operations are in their streams: whoever thinks they are there at once is wrong.
void dawdle() {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::this_thread::sleep_for(std::chrono::microseconds{random() % 300});
}

void number_together(const std::vector<std::shared_ptr<ncclComm>>& communicators) {
  static std::atomic<int> sets = 0;
  const int number = ++sets;
  for (const auto& each : communicators)
    each->set = number;
}

} // namespace

group::~group() {
  for (const auto& [set, job] : last_)
    if (!job->is_joined())
      undefined("NCCL: a thread ends whose last group nobody has completed");
}

group& group::current() {
  thread_local group own;
  return own;
}

void group::fail(ncclResult_t why) {
  if (content_.failure == ncclSuccess)
    content_.failure = why;
}

void group::add_task(std::shared_ptr<ncclComm> communicator, std::function<ncclResult_t()> work) {
  content_.tasks.push_back({std::move(communicator), std::move(work)});
}

void group::add_beginning(std::shared_ptr<ncclComm> communicator, std::function<ncclResult_t()> work) {
  content_.sets_up = true;
  add_task(std::move(communicator), std::move(work));
}

void group::add_ending(std::shared_ptr<ncclComm> communicator, std::function<ncclResult_t()> work) {
  content_.is_blocking = true;
  add_task(std::move(communicator), std::move(work));
}

void group::add_broadcast(std::shared_ptr<ncclComm> communicator, const broadcast_order& order) {
  content_.broadcasts.push_back({std::move(communicator), order});
}

std::vector<std::shared_ptr<ncclComm>> group::content::communicators() const {
  std::vector<std::shared_ptr<ncclComm>> all;
  for (const auto& each : tasks)
    all.push_back(each.communicator);
  for (const auto& each : broadcasts)
    all.push_back(each.communicator);
  return all;
}

/// All at once, because ranks wait for each other. One that fails ends the others of its group.
ncclResult_t group::content::run_tasks() const {
  std::vector<std::thread> threads;
  std::atomic<ncclResult_t> first = ncclSuccess;
  for (const auto& each : tasks)
    threads.emplace_back([&] {
      const auto result = each.work();
      auto none = ncclSuccess;
      if (result != ncclSuccess && first.compare_exchange_strong(none, result))
        for (const auto& other : tasks)
          other.communicator->interrupt();
    });
  for (auto& thread : threads)
    thread.join();
  return first;
}

ncclResult_t group::content::carry_out() const {
  auto result = run_tasks();
  if (!broadcasts.empty())
    dawdle();
  for (const auto& each : broadcasts)
    if (result == ncclSuccess)
      result = each.communicator->start(each.order);
  return result;
}

ncclResult_t group::end() {
  if (depth_ == 0)
    return ncclInvalidUsage;
  if (--depth_ > 0)
    return ncclSuccess;
  auto todo = std::exchange(content_, {});
  const auto communicators = todo.communicators();
  if (todo.failure != ncclSuccess) {
    for (const auto& each : communicators)
      each->set_state(todo.failure);
    return todo.failure;
  }
  if (communicators.empty())
    return ncclSuccess;
  if (todo.is_blocking)
    return todo.carry_out();
  const auto job = std::make_shared<group_job>();
  if (todo.sets_up)
    number_together(communicators);
  else if (const auto last = std::exchange(last_[communicators.front()->set], job);
           last && !last->is_joined())
    undefined("NCCL: a group is begun by a thread whose last one nobody has completed");
  for (const auto& each : communicators) {
    each->set_state(ncclInProgress);
    each->attach(job);
  }
  job->start(std::thread{[todo = std::move(todo)] {
    const auto result = todo.carry_out();
    for (const auto& each : todo.communicators())
      each->set_state(result);
  }});
  return ncclInProgress;
}

} // namespace ckpt::stand_in
