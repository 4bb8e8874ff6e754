// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// SGLang. Source: python/sglang/srt/entrypoints/http_server.py of https://github.com/sgl-project/sglang.

#include "io/engine_answers.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace ckpt::io {

namespace {

constexpr std::string_view update_route = "/update_weights_from_ipc";
constexpr std::string_view info_route = "/model_info";
constexpr std::string_view old_info_route = "/get_model_info"; // until the end of 2025 the only name

constexpr std::string_view no_update_route =
    "the server has no such route; SGLang has it since it supports checkpoint-engine (start-up flag "
    "--checkpoint-engine-wait-weights-before-ready, once --wait-for-initial-weights); is the endpoint an "
    "SGLang "
    "server of that age, and --engine right?";

class sglang_api final : public engine_api {
public:
  // Not /health: a server that was told to wait for its first weights answers 503 there until it has them.
  [[nodiscard]] http_request readiness_request() const override {
    return {http_request::verb::get, "/ping", {}};
  }

  [[nodiscard]] engine_answer judge_readiness(const http_response& response) const override {
    // All that /ping tells is that HTTP is up. A 404 tells the same; whether the route that matters is there,
    // the update request finds out.
    if (response.status == 404)
      return go();
    return unready_by_status(response, "GET /ping", {}).value_or(go());
  }

  [[nodiscard]] http_request update_request(const std::vector<device_channel>& devices,
                                            const std::optional<std::string>& weight_version,
                                            std::chrono::seconds /*timeout*/) const override {
    boost::json::object handles;
    for (const auto& device : devices)
      handles[device.uuid] = device.address;
    boost::json::object body{{"zmq_handles", std::move(handles)}, {"flush_cache", true}};
    body["weight_version"] = weight_version ? boost::json::value(*weight_version) : nullptr;
    return {http_request::verb::post, std::string{update_route}, boost::json::serialize(body)};
  }

  [[nodiscard]] engine_answer judge_update(const http_response& response) const override {
    const auto question = "POST " + std::string{update_route};
    if (response.status != 200)
      return refused_by_status(response, question, no_update_route);
    return judge_success_object(response, question);
  }

  [[nodiscard]] std::vector<http_request>
  closing_requests(const std::optional<std::string>& weight_version) const override {
    if (!weight_version)
      return {};
    return {{http_request::verb::get, std::string{info_route}, {}}};
  }

  [[nodiscard]] engine_answer judge_closing(const http_request& request, const http_response& response,
                                            const std::optional<std::string>& weight_version) const override {
    if (response.status == 404 && request.target == info_route) {
      auto answer = not_yet("asking an older server");
      answer.ask_instead = http_request{http_request::verb::get, std::string{old_info_route}, {}};
      return answer;
    }
    const auto question = "GET " + request.target;
    if (auto unready = unready_by_status(response, question, "the server does not tell its weight version"))
      return *unready;
    const auto body = parse_body(response);
    const auto serves = body ? text_of(*body, "weight_version") : std::string{};
    if (weight_version && serves != *weight_version)
      return refused(question + " says weight version \"" + shortened(serves) + "\" instead of \""
                     + *weight_version + "\"");
    return go();
  }
};

} // namespace

std::unique_ptr<engine_api> make_sglang_api() { return std::make_unique<sglang_api>(); }

} // namespace ckpt::io
