// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// vLLM. Source: vllm/entrypoints/serve/rpc/api_router.py of https://github.com/vllm-project/vllm, and the
// worker extension checkpoint_engine.worker.VllmColocateWorkerExtension, whose method this calls on every
// worker.

#include "io/engine/engine_answers.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>

namespace ckpt::io {

namespace {

constexpr std::string_view update_question = "POST /collective_rpc";
constexpr std::string_view resume_route = "/resume";

/// Drops the prefix cache, which holds values of the old weights. Running requests are computed anew: they
/// would keep the cache otherwise.
constexpr std::string_view reset_route =
    "/reset_prefix_cache?reset_running_requests=true&reset_external=true";

constexpr std::string_view no_update_route =
    "the server has no such route; start vLLM with VLLM_SERVER_DEV_MODE=1 and --worker-extension-cls "
    "checkpoint_engine.worker.VllmColocateWorkerExtension";

http_request post(std::string_view target) { return {http_request::verb::post, std::string{target}, "{}"}; }

engine_answer judge_reset(const http_response& response) {
  const auto body = parse_body(response);
  const auto* success = body ? member(*body, "success") : nullptr;
  if (response.status == 200 && (success == nullptr || *success == true))
    return go();
  return go_with(
      "its prefix cache still holds what was computed with the old weights: POST /reset_prefix_cache was "
      "answered with HTTP "
      + std::to_string(response.status) + ": " + words_of(response));
}

/// The route returns the result of each worker's method: null when all is well, text for anything that is no
/// list and no object. An unknown result counts as a failure: a wrong alarm costs a second look, a missed
/// failure serves wrong weights.
bool tells_success(const boost::json::value& result) {
  if (const auto* text = result.if_string()) {
    constexpr std::array<std::string_view, 5> good{"", "None", "True", "ok", "OK"};
    return std::ranges::find(good, std::string_view{text->data(), text->size()}) != good.end();
  }
  if (const auto* list = result.if_array())
    return list->empty();
  const auto* error = member(result, "error");
  if (error != nullptr && !error->is_null())
    return false;
  const auto* success = member(result, "success");
  return result.is_null() || result == true || (success != nullptr && *success == true);
}

class vllm_api final : public engine_api {
public:
  explicit vllm_api(pause_mode pause) : pause_{pause} {}

  [[nodiscard]] http_request readiness_request() const override {
    return {http_request::verb::get, "/health", {}};
  }

  [[nodiscard]] engine_answer judge_readiness(const http_request& /*request*/,
                                              const http_response& response) override {
    return unready_by_status(response, "GET /health", "this is no vLLM server; check --endpoint and --engine")
        .value_or(go());
  }

  // clear_cache also drops the values of running requests, which are then computed anew.
  [[nodiscard]] std::optional<http_request> pause_request() const override {
    if (pause_ == pause_mode::none)
      return std::nullopt;
    return http_request{http_request::verb::post,
                        "/pause?mode=" + std::string{name(pause_)} + "&clear_cache=true", "{}"};
  }

  [[nodiscard]] engine_answer judge_pause(const http_response& response) override {
    auto answer =
        judge_pause_answer(response, "POST /pause", "it is updated between two steps of its requests");
    if (!answer.remark.empty())
      pause_ = pause_mode::none;
    return answer;
  }

  [[nodiscard]] bool is_paused() const override { return pause_ != pause_mode::none; }

  [[nodiscard]] std::optional<http_request> resume_request() const override {
    if (pause_ == pause_mode::none)
      return std::nullopt;
    return post(resume_route);
  }

  // vLLM knows no weight version.
  [[nodiscard]] http_request update_request(const std::vector<device_channel>& devices,
                                            const std::optional<std::string>& /*weight_version*/,
                                            std::chrono::seconds timeout) const override {
    boost::json::object handles;
    for (const auto& device : devices)
      handles[device.uuid] = device.address;
    const boost::json::object body{{"method", "update_weights_from_ipc"},
                                   {"args", boost::json::array{std::move(handles)}},
                                   {"timeout", static_cast<double>(timeout.count())}};
    return {http_request::verb::post, "/collective_rpc", boost::json::serialize(body)};
  }

  [[nodiscard]] engine_answer judge_update(const http_response& response) const override {
    if (response.status != 200)
      return refused_by_status(response, update_question, no_update_route);
    if (response.body.empty())
      return go();
    const auto body = parse_body(response);
    const auto* found = body ? member(*body, "results") : nullptr;
    const auto* results = found == nullptr ? nullptr : found->if_array();
    if (results == nullptr)
      return refused(std::string{update_question}
                     + " was answered with HTTP 200 but not in vLLM's form; is the endpoint the server "
                       "itself? It said: "
                     + words_of(response));
    if (const auto* error = member(*body, "error"); error != nullptr && !error->is_null())
      return refused("the server reports a failure: " + words_of(response));
    for (std::size_t i = 0; i < results->size(); ++i)
      if (!tells_success((*results)[i]))
        return refused("worker " + std::to_string(i) + " of the server reports a failure: "
                       + shortened(boost::json::serialize((*results)[i])));
    return go();
  }

  [[nodiscard]] std::vector<http_request>
  closing_requests(const std::optional<std::string>& /*weight_version*/) const override {
    std::vector<http_request> requests{post(reset_route)};
    if (const auto resume = resume_request())
      requests.push_back(*resume);
    return requests;
  }

  [[nodiscard]] engine_answer
  judge_closing(const http_request& request, const http_response& response,
                const std::optional<std::string>& /*weight_version*/) const override {
    if (request.target == reset_route)
      return judge_reset(response);
    return judge_pause_answer(response, "POST " + request.target, "it goes on by itself");
  }

  [[nodiscard]] bool ends_pause(const http_request& request) const override {
    return request.target == resume_route;
  }

private:
  pause_mode pause_;
};

} // namespace

std::unique_ptr<engine_api> make_vllm_api(pause_mode pause) { return std::make_unique<vllm_api>(pause); }

} // namespace ckpt::io
