// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asks the file system something with a time limit, because a mount may hang. One thread uses an object.

#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace ckpt::apps {

template <class T>
class file_system_look {
public:
  /// So many looks may hang before it gives up at once: others may be at mounts that answer.
  explicit file_system_look(std::size_t hanging_max = 1) : hanging_max_{hanging_max} {}

  /// Runs `look` on a detached thread, which may outlive this: `look` must own all that it uses. Returns its
  /// result, or nothing when it takes too long, when it is to stop, or while too many earlier ones still hang.
  /// Throws what `look` throws.
  [[nodiscard]] std::optional<T> look(std::function<T()> look,
                                      std::chrono::milliseconds time_max = std::chrono::seconds{2},
                                      const std::stop_token& stop = {}) {
    using namespace std::chrono_literals;
    std::erase_if(hanging_, [](const auto& one) { return one.wait_for(0s) == std::future_status::ready; });
    if (hanging_.size() >= hanging_max_)
      return std::nullopt;
    std::packaged_task<T()> task{std::move(look)};
    auto answer = task.get_future();
    std::thread{std::move(task)}.detach();
    const auto until = std::chrono::steady_clock::now() + time_max;
    while (answer.wait_for(20ms) != std::future_status::ready)
      if (stop.stop_requested() || std::chrono::steady_clock::now() >= until) {
        hanging_.push_back(std::move(answer));
        return std::nullopt;
      }
    return answer.get();
  }

private:
  std::size_t hanging_max_;
  std::vector<std::future<T>> hanging_;
};

} // namespace ckpt::apps
