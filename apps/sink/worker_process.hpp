// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker that is a process of its own, as an engine's workers are: CUDA IPC needs that, and a worker can be
// killed without its server. It lives from its first update on, is started anew when it has died, and ends
// with the sink, however that ends.

#include "apps/sink/options.hpp"
#include "apps/sink/worker.hpp"
#include "apps/sink/worker_pipe.hpp"
#include "io/fd.hpp"

#include <chrono>
#include <optional>
#include <string>

#include <sys/types.h>

namespace ckpt::apps::sink {

class worker_process {
public:
  /// Worker `number` of this sink. `options` outlives it. Starts nothing.
  worker_process(const sink_options& options, unsigned number) : options_{options}, number_{number} {}
  worker_process(const worker_process&) = delete;
  worker_process& operator=(const worker_process&) = delete;
  ~worker_process() noexcept;

  /// Runs one update: passes the signals on to the process, and its news back. All errors are in the outcome.
  /// One thread at a time.
  [[nodiscard]] worker_outcome run(const worker_order& order, update_signals& signals);

private:
  void start();
  [[nodiscard]] std::string end(std::chrono::milliseconds patience) noexcept;
  void hand_over(const worker_order& order, const update_signals& signals);
  void tell(const worker_line& line);
  [[nodiscard]] worker_outcome follow(update_signals& signals);
  [[nodiscard]] std::optional<std::string> next_line();

  const sink_options& options_;
  unsigned number_;
  pid_t pid_ = -1;
  io::fd socket_;      ///< its standard input and output
  std::string unread_; ///< of what it has written
};

/// The main function of the process: runs updates as ordered on standard input, until that ends. Returns the
/// exit status.
[[nodiscard]] int serve_as_worker(const sink_options& options, std::shared_ptr<const expectation> expected,
                                  unsigned number);

} // namespace ckpt::apps::sink
