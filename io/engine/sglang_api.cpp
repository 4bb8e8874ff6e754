// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// SGLang, 0.5.6 and newer. Source: python/sglang/srt/entrypoints/http_server.py of
// https://github.com/sgl-project/sglang.
//
// It takes weights as soon as /model_info answers: its model is there then. Other routes say whether it also
// serves requests. Its versions differ in this:
//
//   route     says 503 while the server waits for its first weights
//   /ping     from 0.5.23 on; before, it says 200 at once
//   /ready    from 0.5.20 on; there is none before; also 503 while generation is paused
//   /health   always; but once the server serves, it computes a token for it
//
// Running requests delay an update, up to 0.5.10 even when generation is paused in place or by retracting.

#include "io/engine/engine_answers.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <stdexcept>

namespace ckpt::io {

namespace {

constexpr std::string_view update_route = "/update_weights_from_ipc";
constexpr std::string_view ping_route = "/ping";
constexpr std::string_view ready_route = "/ready";
constexpr std::string_view health_route = "/health";
constexpr std::string_view info_route = "/model_info";
constexpr std::string_view old_info_route = "/get_model_info"; // until the end of 2025 the only name
constexpr std::string_view server_route = "/server_info";
constexpr std::string_view old_server_route = "/get_server_info"; // as old as old_info_route
constexpr std::string_view pause_route = "/pause_generation";
constexpr std::string_view resume_route = "/continue_generation";
constexpr std::string_view flush_route = "/flush_cache";
constexpr std::string_view checker_route = "/weights_checker";
constexpr std::string_view checker_question = "POST /weights_checker";

/// The answer names every parameter of every worker: room for two million names.
constexpr std::uint64_t checksum_bytes_max = 256 << 20;

/// The version that /model_info reports until somebody sets one.
constexpr std::string_view first_version = "default";

constexpr std::string_view no_update_route =
    "the server has no such route; SGLang has it since it supports checkpoint-engine (start-up flag "
    "--checkpoint-engine-wait-weights-before-ready, once --wait-for-initial-weights); is the endpoint an "
    "SGLang "
    "server of that age, and --engine right?";

http_request get(std::string_view target) { return {http_request::verb::get, std::string{target}, {}}; }

http_request post(std::string_view target, std::string body = "{}") {
  return {http_request::verb::post, std::string{target}, std::move(body)};
}

http_request check_weights(std::string_view what) {
  return {http_request::verb::post, std::string{checker_route},
          boost::json::serialize(boost::json::object{{"action", what}}), checksum_bytes_max};
}

/// True for a server that cannot report checksums: SGLang had the route (0.5.6) before it had this action.
bool knows_no_checksums(const http_response& response) {
  return response.status == 404 || response.status == 405
         || (response.status == 400 && response.body.find("Unsupported") != std::string::npos);
}

bool has_succeeded(const boost::json::value& body) {
  const auto* success = member(body, "success");
  return success != nullptr && *success == true;
}

engine_answer check_failed(const http_response& response) {
  if (response.status == 200)
    return refused(std::string{checker_question} + " was answered without success: " + words_of(response));
  return refused_by_status(response, checker_question, "the server has no such route");
}

class sglang_api final : public engine_api {
public:
  explicit sglang_api(pause_mode pause) : pause_{pause} {}

  [[nodiscard]] http_request readiness_request() const override { return get(ping_route); }

  [[nodiscard]] engine_answer judge_readiness(const http_request& request,
                                              const http_response& response) override {
    if (request.target == ping_route)
      return judge_ping(response);
    if (request.target == server_route || request.target == old_server_route)
      return judge_server(request.target, response);
    if (request.target == ready_route || request.target == health_route)
      return judge_service(request.target, response);
    return judge_info(request.target, response);
  }

  [[nodiscard]] std::optional<http_request> pause_request() const override {
    if (!is_paused())
      return std::nullopt;
    return post(pause_route,
                boost::json::serialize(boost::json::object{{"mode", std::string{name(pause_)}}}));
  }

  [[nodiscard]] engine_answer judge_pause(const http_response& response) override {
    auto answer = judge_pause_answer(response, "POST " + std::string{pause_route},
                                     "the update waits for running requests");
    if (!answer.remark.empty())
      pause_ = pause_mode::none;
    return answer;
  }

  // A server that waits for its first weights has no requests.
  [[nodiscard]] bool is_paused() const override { return pause_ != pause_mode::none && waits_at_.empty(); }

  // /ready also says 503 while generation is paused, perhaps by a process that is gone: resume then, too.
  [[nodiscard]] std::optional<http_request> resume_request() const override {
    if (pause_ == pause_mode::none || (!waits_at_.empty() && waits_at_ != ready_route))
      return std::nullopt;
    return post(resume_route);
  }

  [[nodiscard]] http_request update_request(const std::vector<device_channel>& devices,
                                            const std::optional<std::string>& weight_version,
                                            std::chrono::seconds /*timeout*/) const override {
    boost::json::object handles;
    for (const auto& device : devices)
      handles[device.uuid] = device.address;
    // A paused server may still hold requests, and then cannot flush: some versions take that for a failed
    // update, others end themselves. A closing request flushes instead: its failure is only a remark.
    boost::json::object body{{"zmq_handles", std::move(handles)}, {"flush_cache", !is_paused()}};
    body["weight_version"] = weight_version ? boost::json::value(*weight_version) : nullptr;
    return post(update_route, boost::json::serialize(body));
  }

  [[nodiscard]] engine_answer judge_update(const http_response& response) const override {
    const auto question = "POST " + std::string{update_route};
    if (response.status != 200)
      return refused_by_status(response, question, no_update_route);
    return judge_success_object(response, question);
  }

  [[nodiscard]] std::vector<http_request>
  closing_requests(const std::optional<std::string>& weight_version) const override {
    std::vector<http_request> requests;
    if (is_paused())
      requests.push_back(post(flush_route));
    if (const auto resume = resume_request())
      requests.push_back(*resume);
    if (weight_version)
      requests.push_back(get(info_route_));
    if (!waits_at_.empty())
      requests.push_back(get(waits_at_));
    return requests;
  }

  [[nodiscard]] engine_answer judge_closing(const http_request& request, const http_response& response,
                                            const std::optional<std::string>& weight_version) const override {
    if (request.target == flush_route)
      return response.status == 200
                 ? go()
                 : go_with("its prefix cache still holds what was computed with the old weights: "
                           + refused_by_status(response, "POST " + request.target, "there is none").why);
    if (request.target == resume_route)
      return judge_pause_answer(response, "POST " + request.target, "it goes on by itself");
    if (request.target == waits_at_)
      return unready_by_status(response, "GET " + request.target, "it is gone").value_or(go());
    if (response.status == 404 && request.target == info_route)
      return ask_instead(old_info_route);
    const auto question = "GET " + request.target;
    if (auto unready = unready_by_status(response, question, "the server does not tell its weight version"))
      return *unready;
    const auto serves = version_in(response).value_or("");
    if (weight_version && serves != *weight_version)
      return refused(question + " says weight version \"" + shortened(serves) + "\" instead of \""
                     + *weight_version + "\"");
    return go();
  }

  [[nodiscard]] std::optional<http_request> version_request() const override { return get(info_route_); }

  [[nodiscard]] std::optional<std::string> version_in(const http_response& response) const override {
    const auto body = response.status == 200 ? parse_body(response) : std::nullopt;
    if (!body || member(*body, "weight_version") == nullptr)
      return std::nullopt;
    return text_of(*body, "weight_version");
  }

  [[nodiscard]] std::optional<std::string> version_before() const override { return version_before_; }

  [[nodiscard]] bool ends_pause(const http_request& request) const override {
    return request.target == resume_route;
  }

  [[nodiscard]] std::optional<http_request> checksum_request() const override {
    return check_weights("checksum");
  }

  [[nodiscard]] checksum_answer judge_checksums(const http_response& response,
                                                std::size_t rank_count) const override {
    if (knows_no_checksums(response))
      return {go_with("this version of SGLang cannot tell the checksums of its weights"), {}};
    const auto body = response.status == 200 ? parse_body(response) : std::nullopt;
    if (!body || !has_succeeded(*body))
      return {check_failed(response), {}};
    try {
      return {go(), read_engine_checksums(*body, rank_count)};
    } catch (const std::invalid_argument& error) {
      return {refused("the answer to " + std::string{checker_question} + " makes no sense: " + error.what()),
              {}};
    }
  }

  [[nodiscard]] std::optional<http_request> overwrite_request() const override {
    return check_weights("reset_tensors");
  }

  [[nodiscard]] engine_answer judge_overwrite(const http_response& response) const override {
    const auto body = response.status == 200 ? parse_body(response) : std::nullopt;
    return body && has_succeeded(*body) ? go() : check_failed(response);
  }

private:
  [[nodiscard]] engine_answer judge_ping(const http_response& response) {
    const auto unready = unready_by_status(response, "GET " + std::string{ping_route}, {});
    if (unready && unready->is == engine_answer::meaning::refused && response.status != 404)
      return *unready;
    ping_said_ = unready ? unready->why : std::string{};
    waits_at_ = response.status == 503 ? ping_route : std::string_view{};
    return ask_instead(info_route);
  }

  [[nodiscard]] engine_answer judge_info(std::string_view route, const http_response& response) {
    if (response.status == 404 && route == info_route)
      return ask_instead(old_info_route);
    info_route_ = route == info_route ? info_route : old_info_route;
    // A gateway may lack this route. The update itself finds out whether the route for weights is there.
    if (response.status == 404 && ping_said_.empty())
      return go();
    if (auto unready = unready_by_status(response, "GET " + std::string{route},
                                         "this is no SGLang server; check --endpoint and --engine")) {
      if (unready->is == engine_answer::meaning::not_yet && !ping_said_.empty())
        unready->why += "; " + ping_said_;
      return *unready;
    }
    version_before_ = version_in(response);
    // An older server does not say at /ping that it waits for its first weights.
    return waits_at_.empty() && version_before_ == first_version ? ask_instead(server_route) : go();
  }

  [[nodiscard]] static engine_answer judge_server(std::string_view route, const http_response& response) {
    if (response.status == 404 && route == server_route)
      return ask_instead(old_server_route);
    const auto body = response.status == 200 ? parse_body(response) : std::nullopt;
    return body && text_of(*body, "load_format") == "dummy" ? ask_instead(ready_route) : go();
  }

  /// The server began with dummy weights: is it still waiting, or serving them?
  [[nodiscard]] engine_answer judge_service(std::string_view route, const http_response& response) {
    if (response.status == 404 && route == ready_route)
      return ask_instead(health_route);
    if (response.status == 200)
      return go_with(
          "it was started with dummy weights and tells no version: unless another update came before, it "
          "answered requests with dummy weights");
    if (response.status == 503 && pause_ != pause_mode::none)
      waits_at_ = route == ready_route ? ready_route : health_route;
    return go();
  }

  pause_mode pause_;
  std::string ping_said_;                    ///< why /ping did not say 200
  std::string_view waits_at_;                ///< the route that says when it serves; empty when it does
  std::string_view info_route_ = info_route; ///< the name that this server has for it
  std::optional<std::string> version_before_;
};

} // namespace

std::unique_ptr<engine_api> make_sglang_api(pause_mode pause) { return std::make_unique<sglang_api>(pause); }

} // namespace ckpt::io
