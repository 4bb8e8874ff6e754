// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Sources: sglang/srt/entrypoints/http_server.py; vllm/entrypoints/serve;
// lmdeploy/serve/openai/api_server.py.

#include "apps/sink/dialect.hpp"

#include "apps/sink/json_body.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

using io::engine_kind;
namespace json = boost::json;

constexpr route sglang_routes[] = {
    {"GET", "/ping", key::api, action::ping},
    {"GET", "/health", key::none, action::health},
    {"GET", "/health_generate", key::none, action::health},
    {"GET", "/ready", key::none, action::readiness, age::recent},
    {"GET", "/model_info", key::api, action::model_info, age::recent},
    {"GET", "/get_model_info", key::api, action::model_info},
    {"GET", "/server_info", key::api, action::server_info, age::recent},
    {"GET", "/get_server_info", key::api, action::server_info},
    {"POST", "/generate", key::api, action::generate},
    {"POST", "/update_weights_from_ipc", key::admin, action::update},
    {"POST", "/pause_generation", key::admin, action::pause},
    {"POST", "/continue_generation", key::admin, action::resume},
    {"GET", "/flush_cache", key::admin, action::flush_cache},
    {"POST", "/flush_cache", key::admin, action::flush_cache},
    {"POST", "/weights_checker", key::admin, action::check_weights},
    {"POST", "/release_memory_occupation", key::admin, action::nothing},
    {"POST", "/resume_memory_occupation", key::admin, action::nothing},
};

// The real server may leave these routes open even with a key; demanding it shows whether a pusher sends it.
constexpr route vllm_routes[] = {
    {"GET", "/health", key::none, action::health},
    {"POST", "/collective_rpc", key::api, action::update},
    {"POST", "/v1/completions", key::api, action::generate},
    {"POST", "/pause", key::api, action::pause},
    {"POST", "/resume", key::api, action::resume},
    {"GET", "/is_paused", key::api, action::is_paused},
    {"POST", "/sleep", key::api, action::nothing},
    {"POST", "/wake_up", key::api, action::nothing},
    {"POST", "/reset_prefix_cache", key::api, action::nothing},
};

constexpr route lmdeploy_routes[] = {
    {"GET", "/health", key::none, action::health},
    {"GET", "/update_weights_from_ipc", key::api, action::update_state},
    {"POST", "/update_weights_from_ipc", key::api, action::update},
    {"POST", "/sleep", key::api, action::sleep},
    {"POST", "/wakeup", key::api, action::wake_up},
};

/// Reads the map from device to address. Throws for a value that an engine could not use.
std::vector<io::device_channel> read_devices(const json::value* value, const std::string& what) {
  if (value == nullptr || !value->is_object())
    throw std::invalid_argument{what + " is not a JSON object"};
  std::vector<io::device_channel> devices;
  for (const auto& [uuid, address] : value->get_object()) {
    if (!address.is_string() || !address.get_string().starts_with("ipc://"))
      throw std::invalid_argument{what + " maps a device to something that is no ipc:// address"};
    devices.push_back({std::string{uuid}, std::string{address.get_string()}});
  }
  return devices;
}

update_request read_vllm_request(const json::object& body) {
  const auto* method = body.if_contains("method");
  if (method == nullptr || !method->is_string())
    throw std::invalid_argument{"\"method\" is missing"};
  if (method->get_string() != "update_weights_from_ipc")
    throw std::invalid_argument{"the workers have no method \"" + std::string{method->get_string()} + "\""};
  const auto* arguments = body.if_contains("args");
  if (arguments == nullptr || !arguments->is_array() || arguments->get_array().size() != 1)
    throw std::invalid_argument{"\"args\" does not hold exactly one argument"};
  if (const auto* timeout = body.if_contains("timeout");
      timeout != nullptr && !timeout->is_number() && !timeout->is_null())
    throw std::invalid_argument{"\"timeout\" is not a number"};
  update_request request;
  request.devices = read_devices(&arguments->get_array().front(), "args[0]");
  return request;
}

} // namespace

std::span<const route> routes_of(engine_kind engine) {
  switch (engine) {
  case engine_kind::sglang:
    return sglang_routes;
  case engine_kind::vllm:
    return vllm_routes;
  case engine_kind::lmdeploy:
    return lmdeploy_routes;
  }
  return {};
}

update_request read_update_request(engine_kind engine, const question& asked) {
  if (!asked.content_type.starts_with("application/json"))
    throw std::invalid_argument{"the content type is not application/json"};
  const auto body = parse_object(asked.body);
  if (engine == engine_kind::vllm)
    return read_vllm_request(body);
  update_request request;
  request.devices = read_devices(body.if_contains("zmq_handles"), "\"zmq_handles\"");
  if (const auto* version = body.if_contains("weight_version"); version != nullptr && !version->is_null()) {
    if (!version->is_string())
      throw std::invalid_argument{"\"weight_version\" is neither a text nor null"};
    request.weight_version = std::string{version->get_string()};
  }
  request.flush_cache = engine == engine_kind::sglang;
  if (const auto* flush = body.if_contains("flush_cache"); flush != nullptr) {
    if (!flush->is_bool())
      throw std::invalid_argument{"\"flush_cache\" is not a boolean"};
    request.flush_cache = request.flush_cache && flush->get_bool();
  }
  return request;
}

answer update_succeeded(engine_kind engine, const update_outcome& outcome) {
  if (engine == engine_kind::vllm) {
    json::array results;
    results.resize(outcome.workers.size()); // Null: a worker's method returns None.
    return json_answer(200, {{"results", std::move(results)}});
  }
  json::object body{{"success", true}, {"message", summary(outcome)}};
  if (const auto verified = outcome.verified())
    body["verified"] = *verified;
  return json_answer(200, body);
}

answer update_failed(engine_kind engine, std::string_view why) {
  if (engine == engine_kind::vllm)
    return plain_error(500, why);
  return update_refused(engine, why);
}

answer update_refused(engine_kind engine, std::string_view why) {
  if (engine == engine_kind::vllm)
    return plain_error(400, why);
  return json_answer(400, {{"success", false}, {"message", json::string_view{why}}});
}

answer plain_error(unsigned status, std::string_view why) {
  return json_answer(status, {{"error", json::string_view{why}}});
}

std::string summary(const update_outcome& outcome) {
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
  for (const auto& worker : outcome.workers) {
    tensors = std::max(tensors, worker.tensors);
    bytes = std::max(bytes, worker.bytes);
  }
  constexpr double mib = 1 << 20;
  char text[160];
  std::snprintf(text, sizeof text, "%zu worker%s took %llu tensors, %.1f MiB each, in %.3f s (%.2f GiB/s)",
                outcome.workers.size(), outcome.workers.size() == 1 ? "" : "s",
                static_cast<unsigned long long>(tensors), static_cast<double>(bytes) / mib, outcome.seconds,
                outcome.seconds > 0 ? static_cast<double>(bytes) / mib / 1024 / outcome.seconds : 0);
  std::string whole{text};
  if (const auto count = outcome.followers.size(); count > 0)
    whole += ", and so did " + std::to_string(count) + (count == 1 ? " follower" : " followers");
  const auto verified = outcome.verified();
  return whole + (verified ? *verified ? "; verified bit for bit" : "; NOT verified" : "");
}

} // namespace ckpt::apps::sink
