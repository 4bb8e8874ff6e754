// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the program says: its log on standard error, its results on standard output. Whoever reads may stop
// reading. A thread of its own writes, so that nobody else waits then; what is not written yet has a bound, beyond
// which the oldest goes.

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
  /// From now on spdlog's default logger is the log. Where no thread can be had, whoever says something writes it.
  output();
  output(const output&) = delete;
  output& operator=(const output&) = delete;
  ~output() noexcept;

  void print(std::string_view result) const;

  /// Waits until everything is written, but not for long: false when somebody does not read. Nothing may be said
  /// after that.
  [[nodiscard]] bool finish() noexcept;

private:
  std::shared_ptr<spdlog::details::thread_pool> writer_;
  std::shared_ptr<spdlog::logger> results_;
};

} // namespace ckpt::apps
