// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/file_system_look.hpp"

#include <chrono>
#include <future>
#include <thread>
#include <utility>

namespace ckpt::apps {
namespace {

constexpr std::chrono::seconds look_max{2};

} // namespace

struct file_system_look::result {
  std::promise<std::string> promise;
  std::future<std::string> future = promise.get_future();
};

std::optional<std::string> file_system_look::look(std::function<std::string()> look) {
  if (hanging_ && hanging_->future.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
    return std::nullopt;
  hanging_ = std::make_shared<result>();
  std::thread{[look = std::move(look), into = hanging_] {
    try {
      into->promise.set_value(look());
    } catch (...) {
      into->promise.set_exception(std::current_exception());
    }
  }}.detach();
  if (hanging_->future.wait_for(look_max) != std::future_status::ready)
    return std::nullopt;
  return std::exchange(hanging_, nullptr)->future.get();
}

} // namespace ckpt::apps
