// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Accompanies a running update: shows its progress and passes on SIGINT and SIGTERM.

#include "actors/error.hpp"
#include "actors/update/update.hpp"
#include "io/fd.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

namespace ckpt::apps {

/// Blocks SIGINT and SIGTERM in this thread and those that it starts, so that a wait can receive them. They
/// stay blocked: a signal after the verdict must not end the process with another status.
class signal_guard {
public:
  signal_guard();
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;

  /// Waits up to `timeout` for one of the signals, or until `wakeup` becomes readable. 0 when no signal came.
  [[nodiscard]] int wait(std::chrono::milliseconds timeout, int wakeup = -1) const noexcept;

  /// True once some wait has received a signal.
  [[nodiscard]] bool has_come() const noexcept { return has_come_; }

private:
  io::fd signals_;
  mutable std::atomic<bool> has_come_ = false;
};

/// While it lives, waits for the first signal on a thread of its own, and calls `come` there.
class signal_watch {
public:
  /// `signals` outlives it.
  signal_watch(const signal_guard& signals, std::function<void()> come);
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;
  ~signal_watch() noexcept;

private:
  io::fd stop_; ///< readable once the watch ends
  std::thread thread_;
};

/// Shows the progress: rewrites one line on a terminal (bytes, rate, time left), elsewhere logs a line every ten
/// seconds. The first signal calls `interrupt`. Each later one calls `abandon`: nothing is to be waited for.
class attendant {
public:
  using end_handler = std::function<void(actors::cause)>;

  /// `signals` and `update` outlive the attendant. Both handlers are called on the attendant's thread.
  attendant(const signal_guard& signals, const actors::update& update, end_handler interrupt,
            end_handler abandon);
  attendant(const attendant&) = delete;
  attendant& operator=(const attendant&) = delete;
  ~attendant() noexcept;

private:
  void attend(const signal_guard& signals, const actors::update& update, const end_handler& interrupt,
              const end_handler& abandon) const;

  io::fd stop_; // Readable once the update is over.
  std::thread thread_;
};

/// The progress as text: "1.50 of 8.00 GiB, 1.20 GiB/s, 5 s left".
[[nodiscard]] std::string describe_progress(std::uint64_t done_bytes, std::uint64_t all_bytes,
                                            double seconds);

} // namespace ckpt::apps
