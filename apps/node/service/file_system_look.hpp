// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asks the file system something with a time limit, because a mount may hang. One thread uses an object.

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
  /// Runs `look` on a detached thread, so `look` must own all that it uses. Returns its result, or nothing
  /// when it takes more than two seconds or an earlier one still hangs. Throws what `look` throws.
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
