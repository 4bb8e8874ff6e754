// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The program's output: the log on standard error, results on standard output. A reader may stop reading. So
// a thread of its own writes, and nobody else has to wait. Unwritten lines are bounded; beyond that the
// oldest are dropped.

#include <memory>
#include <string_view>

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
} // namespace spdlog

namespace ckpt::apps {

class output {
public:
  /// Replaces spdlog's default logger. If no thread can be started, the caller of each line writes it.
  output();
  output(const output&) = delete;
  output& operator=(const output&) = delete;
  ~output() noexcept;

  void print(std::string_view result) const;

  /// Waits up to two seconds until everything is written. False when a reader does not read. Call it last: no
  /// output after it.
  [[nodiscard]] bool finish() noexcept;

private:
  std::shared_ptr<spdlog::details::thread_pool> writer_;
  std::shared_ptr<spdlog::logger> results_;
};

} // namespace ckpt::apps
