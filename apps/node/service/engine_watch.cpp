// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/engine_watch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;

constexpr auto answer_max = 5s;
constexpr auto poll_every = 5ms;

/// No engine restarts faster than that.
constexpr auto look_every = 1s;

/// A server that is slow to answer was not restarted.
[[nodiscard]] bool is_away(std::error_code why) { return why && why != std::errc::timed_out; }

} // namespace

std::vector<std::error_code> ask_for_life(const std::vector<io::http_endpoint>& endpoints,
                                          const std::string& key) {
  std::vector<std::unique_ptr<io::http_call>> calls;
  for (const auto& endpoint : endpoints)
    calls.push_back(std::make_unique<io::http_call>(
        endpoint, io::http_request{io::http_request::verb::get, "/v1/models", {}}, key, answer_max));
  // In turn: each works only while it is waited for, and one that hangs would use up the time of the others.
  const auto are_over = [&] {
    return std::ranges::count_if(calls, [](const auto& call) { return call->wait(0ms); })
           == std::ssize(calls);
  };
  while (!are_over())
    std::this_thread::sleep_for(poll_every);
  std::vector<std::error_code> errors;
  for (const auto& call : calls)
    errors.push_back(call->error());
  return errors;
}

engine_watch::engine_watch(std::vector<io::http_endpoint> endpoints, std::string key,
                           std::function<bool(std::uint32_t)> is_back)
    : thread_{[endpoints = std::move(endpoints), key = std::move(key),
               is_back = std::move(is_back)](const std::stop_token& stop) {
        std::vector<bool> was_away(endpoints.size(), false);
        std::mutex mutex;
        std::condition_variable_any nobody_wakes;
        std::unique_lock lock{mutex};
        do {
          const auto errors = ask_for_life(endpoints, key);
          for (std::uint32_t number = 0; number < errors.size(); ++number) {
            if (is_away(errors[number]) && !was_away[number])
              spdlog::warn("engine {} is away: {}", endpoints[number].url, errors[number].message());
            was_away[number] =
                is_away(errors[number]) || (was_away[number] && (errors[number] || !is_back(number)));
          }
        } while (!nobody_wakes.wait_for(lock, stop, look_every, [&] { return stop.stop_requested(); }));
      }} {}

} // namespace ckpt::apps
