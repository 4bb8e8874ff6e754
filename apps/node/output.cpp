// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/output.hpp"

#include <chrono>
#include <cstddef>
#include <future>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t lines_max = 1024;
constexpr auto finish_max = 2s;

[[nodiscard]] std::shared_ptr<spdlog::details::thread_pool> start_writer() {
  try {
    return std::make_shared<spdlog::details::thread_pool>(lines_max, 1);
  } catch (const std::system_error&) {
    return nullptr;
  }
}

[[nodiscard]] std::shared_ptr<spdlog::logger>
make_logger(const char* name, spdlog::sink_ptr sink,
            const std::shared_ptr<spdlog::details::thread_pool>& writer) {
  if (!writer)
    return std::make_shared<spdlog::logger>(name, std::move(sink));
  return std::make_shared<spdlog::async_logger>(name, std::move(sink), writer,
                                                spdlog::async_overflow_policy::overrun_oldest);
}

} // namespace

output::output() : writer_{start_writer()} {
  auto log = make_logger("ckpt-actor-node", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(), writer_);
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  spdlog::set_default_logger(std::move(log));
  results_ = make_logger("results", std::make_shared<spdlog::sinks::stdout_sink_mt>(), writer_);
  results_->set_pattern("%v");
}

output::~output() noexcept { static_cast<void>(finish()); }

void output::print(std::string_view result) const { results_->info("{}", result); }

bool output::finish() noexcept {
  if (!writer_)
    return true;
  // The writer's last owner waits for it, for ever if nobody reads: on the heap, it may outlive this call.
  auto* const kept = new (std::nothrow) std::shared_ptr{std::exchange(writer_, nullptr)};
  if (kept == nullptr)
    return false;
  try {
    std::promise<void> written;
    const auto end = written.get_future();
    std::thread{[kept, written = std::move(written)]() mutable {
      delete kept;
      written.set_value();
    }}.detach();
    return end.wait_for(finish_max) == std::future_status::ready;
  } catch (const std::system_error&) { // No thread: the caller ends the process at once.
    return false;
  }
}

} // namespace ckpt::apps
