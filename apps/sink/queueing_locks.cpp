// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/queueing_locks.hpp"

#include <cassert>
#include <utility>

#include <boost/asio/post.hpp>

namespace ckpt::apps::sink {

void turnstile::enter(continuation then) {
  if (std::exchange(taken_, true))
    return waiting_.push_back(std::move(then));
  boost::asio::post(io_, std::move(then));
}

void turnstile::leave() {
  assert(taken_);
  if (waiting_.empty()) {
    taken_ = false;
    return;
  }
  boost::asio::post(io_, std::move(waiting_.front())); // It stays taken: handed on.
  waiting_.pop_front();
}

void reader_writer_lock::read(continuation then) {
  waiting_readers_.push_back(std::move(then));
  grant();
}

void reader_writer_lock::end_read() {
  assert(readers_ > 0);
  if (--readers_ == 0)
    released();
}

void reader_writer_lock::write(continuation then) {
  waiting_writers_.push_back(std::move(then));
  grant();
}

void reader_writer_lock::end_write() {
  assert(is_writing_);
  is_writing_ = false;
  released();
}

void reader_writer_lock::released() {
  grant();
  boost::asio::post(io_, changed_);
}

/// Gives the lock to all that may have it now.
void reader_writer_lock::grant() {
  if (is_writing_)
    return;
  if (!waiting_writers_.empty()) {
    if (readers_ > 0)
      return;
    is_writing_ = true;
    boost::asio::post(io_, std::move(waiting_writers_.front()));
    waiting_writers_.pop_front();
    return;
  }
  readers_ += waiting_readers_.size();
  for (auto& each : std::exchange(waiting_readers_, {}))
    boost::asio::post(io_, std::move(each));
}

} // namespace ckpt::apps::sink
