// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asynchronous locks for one thread: a waiter leaves a function, which the io_context calls once the lock is
// its own. They order requests and updates as an engine's locks do. Both belong to the thread that runs the
// io_context, which outlives them; waiters left at the end are dropped.

#include <cstdint>
#include <deque>
#include <functional>

#include <boost/asio/io_context.hpp>

namespace ckpt::apps::sink {

using continuation = std::function<void()>;

/// A mutex: one holder at a time, in the order of arrival.
class turnstile {
public:
  explicit turnstile(boost::asio::io_context& io) : io_{io} {}

  /// Calls `then` when its turn has come, never from inside enter(). The holder ends its turn with leave().
  void enter(continuation then);
  void leave();

private:
  boost::asio::io_context& io_;
  bool taken_ = false;
  std::deque<continuation> waiting_;
};

/// Many readers or one writer. A waiting writer holds up later readers, so that it does get its turn, and
/// goes before all waiting readers: one update after another, and no request in between.
class reader_writer_lock {
public:
  /// Posts `changed` to the io_context each time the last reader or a writer gives the lock back.
  reader_writer_lock(boost::asio::io_context& io, continuation changed)
      : io_{io}, changed_{std::move(changed)} {}

  void read(continuation then);
  void end_read();
  void write(continuation then);
  void end_write();

  [[nodiscard]] bool is_locked() const noexcept { return is_writing_ || readers_ > 0; }

private:
  void grant();
  void released();

  boost::asio::io_context& io_;
  continuation changed_;
  bool is_writing_ = false;
  std::uint64_t readers_ = 0;
  std::deque<continuation> waiting_writers_;
  std::deque<continuation> waiting_readers_;
};

} // namespace ckpt::apps::sink
