// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/engine_watch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
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

/// A server that is slow to answer was not restarted. Nor was one that this host has no descriptor or memory
/// left to ask with.
[[nodiscard]] bool is_away(std::error_code why) {
  return why && why != std::errc::timed_out && why != std::errc::too_many_files_open
         && why != std::errc::too_many_files_open_in_system && why != std::errc::not_enough_memory
         && why != std::errc::no_buffer_space;
}

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
    : endpoints_{std::move(endpoints)}, key_{std::move(key)}, is_back_{std::move(is_back)},
      was_away_(endpoints_.size(), false), thread_{[this](const std::stop_token& stop) {
        std::string last_why;
        std::mutex mutex;
        std::condition_variable_any nobody_wakes;
        std::unique_lock lock{mutex};
        do {
          std::string why;
          try {
            look();
          } catch (const std::exception& error) { // For lack of descriptors, say: the next look may do.
            why = error.what();
          }
          if (!why.empty() && why != last_why)
            spdlog::warn("--heal: {}", why);
          last_why = why;
        } while (!nobody_wakes.wait_for(lock, stop, look_every, [&] { return stop.stop_requested(); }));
      }} {}

void engine_watch::look() {
  const auto errors = ask_for_life(endpoints_, key_);
  for (std::uint32_t number = 0; number < errors.size(); ++number) {
    if (is_away(errors[number]) && !was_away_[number])
      spdlog::warn("engine {} is away: {}", endpoints_[number].url, errors[number].message());
    was_away_[number] =
        is_away(errors[number]) || (was_away_[number] && (errors[number] || !is_back_(number)));
  }
}

} // namespace ckpt::apps
