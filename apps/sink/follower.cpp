// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/follower.hpp"

#include <exception>
#include <stdexcept>

namespace ckpt::apps::sink {
namespace {

using namespace std::chrono_literals;

/// Longest time after which a wait notices that the sink ends.
constexpr auto slice = 50ms;

void ask(const sink_options& options, const io::http_endpoint& follower,
         const std::vector<io::device_channel>& devices, const std::optional<std::string>& weight_version,
         const std::atomic<bool>& stop) {
  const auto api =
      io::make_engine_api(options.engine, options.engine == io::engine_kind::lmdeploy ? io::pause_mode::sleep
                                                                                      : io::pause_mode::none);
  const auto request = api->update_request(devices, weight_version,
                                           std::chrono::duration_cast<std::chrono::seconds>(options.timeout));
  const auto& key = options.admin_api_key.empty() ? options.api_key : options.admin_api_key;
  io::http_call call{follower, request, key, options.timeout};
  while (!call.wait(slice))
    if (stop)
      throw std::runtime_error{"the sink ends"};
  if (call.error())
    throw std::system_error{call.error()};
  const auto answer = api->judge_update(call.response());
  if (answer.is != io::engine_answer::meaning::go)
    throw std::runtime_error{answer.why};
}

} // namespace

follower_outcome lead(const sink_options& options, const io::http_endpoint& follower,
                      const std::vector<io::device_channel>& devices,
                      const std::optional<std::string>& weight_version, const std::atomic<bool>& stop) {
  try {
    ask(options, follower, devices, weight_version, stop);
    return {follower.url, {}};
  } catch (const std::exception& error) {
    return {follower.url, error.what()};
  }
}

} // namespace ckpt::apps::sink
