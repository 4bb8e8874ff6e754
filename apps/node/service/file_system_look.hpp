// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asks the file system for something, and does not wait for it for ever: a mount may hang.

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace ckpt::apps {

template <class T>
class file_system_look {
public:
  /// What `look` returns, which runs on a thread of its own. Nothing when that takes more than two seconds, or while an
  /// earlier one still hangs. Throws what `look` throws.
  [[nodiscard]] std::optional<T> look(std::function<T()> look) {
    using namespace std::chrono_literals;
    if (hanging_.valid() && hanging_.wait_for(0s) != std::future_status::ready)
      return std::nullopt;
    std::packaged_task<T()> task{std::move(look)};
    hanging_ = task.get_future();
    std::thread{std::move(task)}.detach();
    if (hanging_.wait_for(2s) != std::future_status::ready)
      return std::nullopt;
    return hanging_.get();
  }

private:
  std::future<T> hanging_;
};

} // namespace ckpt::apps
