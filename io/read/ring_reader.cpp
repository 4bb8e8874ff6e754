// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The life of a ring: set-up with the best flags the kernel takes, submission, completion, cancellation.

#include "io/read/ring_reader.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

namespace ckpt::io {

namespace {

/// Marks the completions of cancel requests, which concern no slot.
constexpr std::uint64_t cancel_tag = ~std::uint64_t{0};

/// Time for reads that nobody drained before the destructor.
constexpr std::chrono::seconds destructor_drain_max{5};

/// Throws for a negative errno of liburing.
void require(int outcome, std::string_view call) {
  if (outcome < 0)
    throw system_failure(-outcome, call, "io_uring");
}

/// The flags to try, best first: with DEFER_TASKRUN completions are handled when we ask for them, not in the
/// middle of other work.
std::vector<unsigned> flags_to_try(const chunk_reader_options& options) {
  if (options.plain_ring)
    return {0};
  return {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_COOP_TASKRUN, 0};
}

__kernel_timespec remaining(std::chrono::steady_clock::time_point until) {
  const auto left =
      std::max(until - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {seconds.count(), std::chrono::duration_cast<std::chrono::nanoseconds>(left - seconds).count()};
}

} // namespace

ring_reader::ring::ring(const chunk_reader_options& options) {
  int outcome = -EINVAL;
  for (const auto flags : flags_to_try(options)) {
    outcome = ::io_uring_queue_init(options.in_flight_max, &queue, flags);
    // EINVAL is how an older kernel refuses a flag; any other refusal is final.
    if (outcome != -EINVAL)
      break;
  }
  require(outcome, "io_uring_setup");
}

ring_reader::ring_reader(const chunk_reader_options& options)
    : ring_{options}, request_bytes_max_{options.request_bytes_max}, copies_max_{copies_max(options)},
      reading_workers_{options.threads}, slots_(options.in_flight_max), is_copy_(options.in_flight_max) {
  assert(options.in_flight_max > 0 && options.threads > 0 && options.copying_threads > 0);
  // Waiting with a timeout must not cost ring entries: these are counted (Linux 5.11).
  if ((ring_.queue.features & IORING_FEAT_EXT_ARG) == 0)
    throw system_failure(ENOSYS, "io_uring_enter with a timeout", "io_uring");
  // A child must not find the ring in its memory and use it by accident.
  require(::io_uring_ring_dontfork(&ring_.queue), "madvise");
  // One less than the copying threads, because this thread makes copies, too.
  bound_workers(std::max(options.copying_threads, 2u) - 1);
  free_slots_.reserve(options.in_flight_max);
  for (auto slot = options.in_flight_max; slot > 0; --slot)
    free_slots_.push_back(slot - 1);
  completions_.reserve(options.in_flight_max); // At most one for each slot, so collect() cannot throw.
}

ring_reader::~ring_reader() noexcept {
  // A caller that has to know that nothing writes any more has called drain() before.
  std::ignore = drain(destructor_drain_max);
}

void ring_reader::bound_workers(unsigned count) {
  // An old kernel (before 5.15) cannot do it, which does no harm.
  std::array<unsigned, 2> workers_max{count, 0};
  ::io_uring_register_iowq_max_workers(&ring_.queue, workers_max.data());
}

bool ring_reader::submit(const read_request& request) {
  assert(request.window.length <= request_bytes_max_);
  if (free_slots_.empty())
    return false;
  const auto slot = free_slots_.back();
  slots_[slot].emplace(request);
  is_copy_[slot] = slots_[slot]->is_copy();
  if (is_copy_[slot]) {
    if (copies_ == copies_max_) {
      slots_[slot].reset();
      return false;
    }
    // The workers' copies come first: they should begin before this thread is busy with its own.
    if (!own_copy_ && copies_ + 1 == copies_max_)
      own_copy_ = slot;
    ++copies_;
  }
  free_slots_.pop_back();
  ++in_flight_;
  prepare(slot);
  return true;
}

void ring_reader::prepare(unsigned slot) {
  const auto call = slots_[slot]->next_call();
  io_uring_sqe* entry = nullptr;
  try {
    entry = next_entry();
  } catch (const std::system_error&) {
    release(slot); // Nothing reads for it, so nobody may wait for it.
    throw;
  }
  ::io_uring_prep_read(entry, call.file, call.destination, call.length, call.offset);
  ::io_uring_sqe_set_data64(entry, slot);
  if (call.path != read_path::page_cache || own_copy_ == slot)
    return;
  // Without this flag this thread would make the copies, one window after the other.
  ::io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
  if (!is_copy_[slot] && reading_workers_ > 0) {
    // Workers that wait for a disk need no core each.
    bound_workers(reading_workers_);
    reading_workers_ = 0;
  }
}

void ring_reader::release(unsigned slot) noexcept {
  slots_[slot].reset();
  free_slots_.push_back(slot);
  --in_flight_;
  copies_ -= is_copy_[slot] ? 1 : 0;
  if (own_copy_ == slot)
    own_copy_.reset();
}

io_uring_sqe* ring_reader::next_entry() {
  auto* entry = ::io_uring_get_sqe(&ring_.queue);
  if (entry == nullptr) {
    // The queue has room for one entry per slot. Only cancel requests on top of them can fill it.
    enter(std::chrono::steady_clock::now());
    entry = ::io_uring_get_sqe(&ring_.queue);
  }
  if (entry == nullptr)
    throw system_failure(EBUSY, "io_uring_enter", "io_uring");
  return entry;
}

void ring_reader::enter(deadline until) {
  auto timeout = remaining(until);
  io_uring_cqe* first = nullptr;
  const auto outcome = ::io_uring_submit_and_wait_timeout(&ring_.queue, &first, 1, &timeout, nullptr);
  // Entries that the kernel has not taken this time stay queued for the next.
  const auto is_passing = outcome == -ETIME || outcome == -EINTR || outcome == -EAGAIN || outcome == -EBUSY;
  if (outcome < 0 && !is_passing)
    throw system_failure(-outcome, "io_uring_enter", "io_uring");
}

void ring_reader::collect() noexcept {
  // The queue is advanced before its completions are handled: an exception cannot make one come twice. Those
  // that an exception has left behind are kept: nobody else knows that these reads are over.
  unsigned head = 0, count = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_.queue, head, entry) {
    ++count;
    if (entry->user_data != cancel_tag)
      completions_.push_back({static_cast<unsigned>(entry->user_data), entry->res});
  }
  ::io_uring_cq_advance(&ring_.queue, count);
}

std::size_t ring_reader::wait(std::chrono::milliseconds timeout, std::vector<read_result>& results) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  const auto results_before = results.size();
  while (in_flight_ > 0) {
    enter(until);
    collect();
    while (!completions_.empty()) {
      const auto done = completions_.front();
      completions_.erase(completions_.begin());
      auto& progress = *slots_[done.slot];
      if (progress.advance(done.outcome) == read_progress::state::unfinished) {
        prepare(done.slot);
        continue;
      }
      const auto result = progress.result();
      release(done.slot);
      results.push_back(result);
    }
    if (results.size() > results_before || std::chrono::steady_clock::now() >= until)
      break;
  }
  // A request that goes on after a short read is submitted now, not when the caller comes back.
  if (::io_uring_sq_ready(&ring_.queue) > 0)
    enter(std::chrono::steady_clock::now());
  return results.size() - results_before;
}

bool ring_reader::drain(std::chrono::milliseconds timeout) noexcept {
  const auto until = std::chrono::steady_clock::now() + timeout;
  try {
    forget_completed();
    cancel_all();
    while (in_flight_ > 0) {
      enter(until);
      collect();
      forget_completed();
      if (in_flight_ > 0 && std::chrono::steady_clock::now() >= until)
        return false;
    }
    return true;
  } catch (const std::exception&) {
    return false; // The ring fails: it does not tell whether the reads are over.
  }
}

void ring_reader::forget_completed() noexcept {
  for (const auto& done : completions_)
    release(done.slot);
  completions_.clear();
}

void ring_reader::cancel_all() {
  for (unsigned slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot])
      continue;
    auto* entry = next_entry();
    ::io_uring_prep_cancel64(entry, slot, 0);
    ::io_uring_sqe_set_data64(entry, cancel_tag);
  }
}

} // namespace ckpt::io
