// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// LMDeploy. It takes weights only while it sleeps without its KV cache: right after a start with
// --empty-init, or after being put to sleep. Source: https://github.com/InternLM/lmdeploy/pull/4913.
//
//   serving ── POST /sleep?level=2 ──> asleep ── POST /wakeup?tags=weights ──> ready ── update ──>
//           ── POST /wakeup?tags=kv_cache ──> serving the new weights

#include "io/engine/engine_answers.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace ckpt::io {

namespace {

constexpr std::string_view route = "/update_weights_from_ipc";

constexpr std::string_view no_route =
    "the server has no such route; LMDeploy has it since it supports checkpoint-engine (August 2026), with "
    "--backend pytorch --distributed-executor-backend ray --empty-init";

http_request post(std::string_view target) { return {http_request::verb::post, std::string{target}, "{}"}; }

bool is_true(const boost::json::value& state, std::string_view key) {
  const auto* found = member(state, key);
  return found != nullptr && *found == true;
}

bool sleeps_without(const boost::json::value& state, std::string_view tag) {
  const auto* found = member(state, "sleeping_tags");
  const auto* tags = found == nullptr ? nullptr : found->if_array();
  return tags != nullptr && std::any_of(tags->begin(), tags->end(), [tag](const boost::json::value& each) {
           return each.is_string() && each.get_string() == boost::json::string_view{tag};
         });
}

/// A backend that can never take weights. Absent or null means: not known yet.
std::optional<engine_answer> wrong_backend(const boost::json::value& state) {
  const auto backend = text_of(state, "backend");
  const auto device_type = text_of(state, "device_type");
  if ((backend.empty() || backend == "pytorch") && (device_type.empty() || device_type == "cuda"))
    return std::nullopt;
  return refused("the server's backend is \"" + shortened(backend) + "\" on \"" + shortened(device_type)
                 + "\": weights are taken only by --backend pytorch on cuda");
}

/// Workers without the Python package would never become ready. Finds them before a serving engine is put to
/// sleep in vain.
std::optional<engine_answer> missing_package(const boost::json::value& state) {
  const auto* version = member(state, "checkpoint_engine_version");
  const auto* found = member(state, "worker_ranks");
  const auto* ranks = found == nullptr ? nullptr : found->if_array();
  if (version == nullptr || !version->is_null() || ranks == nullptr || ranks->empty())
    return std::nullopt;
  return refused(
      "the server's workers cannot take weights; is the Python package checkpoint-engine installed there? "
      "It said: "
      + shortened(text_of(state, "message")));
}

/// The requests that bring the server from `state` nearer to ready. An engine that has its KV cache is
/// serving, whatever else it says: it has to be put to sleep first.
std::vector<http_request> steps_from(const boost::json::value& state) {
  if (!is_true(state, "is_sleeping") || !sleeps_without(state, "kv_cache"))
    return {post("/sleep?level=2"), post("/wakeup?tags=weights")};
  if (sleeps_without(state, "weights"))
    return {post("/wakeup?tags=weights")};
  return {};
}

class lmdeploy_api final : public engine_api {
public:
  [[nodiscard]] http_request readiness_request() const override {
    return {http_request::verb::get, std::string{route}, {}};
  }

  // An engine that only has to be put to sleep first counts as ready: the pause does that.
  [[nodiscard]] engine_answer judge_readiness(const http_request& /*request*/,
                                              const http_response& response) override {
    auto answer = judge_state(response);
    if (answer.is == engine_answer::meaning::not_yet && !answer.before_asking_again.empty())
      return go();
    return answer;
  }

  // The same request as for readiness: its answer tells what is left to do.
  [[nodiscard]] std::optional<http_request> pause_request() const override { return readiness_request(); }

  [[nodiscard]] engine_answer judge_pause(const http_response& response) override {
    return judge_state(response);
  }

  [[nodiscard]] bool is_paused() const override { return true; }

  // An engine loses its weights when it is put to sleep: it must not go on without a whole set of new ones.
  [[nodiscard]] std::optional<http_request> resume_request() const override { return std::nullopt; }

  // LMDeploy knows no weight version and takes no time limit.
  [[nodiscard]] http_request update_request(const std::vector<device_channel>& devices,
                                            const std::optional<std::string>& /*weight_version*/,
                                            std::chrono::seconds /*timeout*/) const override {
    boost::json::object handles;
    for (const auto& device : devices)
      handles[device.uuid] = device.address;
    return {http_request::verb::post, std::string{route},
            boost::json::serialize(boost::json::object{{"zmq_handles", std::move(handles)}})};
  }

  [[nodiscard]] engine_answer judge_update(const http_response& response) const override {
    const auto question = "POST " + std::string{route};
    if (response.status != 200)
      return refused_by_status(response, question, no_route);
    return judge_success_object(response, question);
  }

  // The update needed the engine without its KV cache: inference is blocked until the cache is back.
  [[nodiscard]] std::vector<http_request>
  closing_requests(const std::optional<std::string>& /*weight_version*/) const override {
    return {post("/wakeup?tags=kv_cache")};
  }

  [[nodiscard]] engine_answer
  judge_closing(const http_request& request, const http_response& response,
                const std::optional<std::string>& /*weight_version*/) const override {
    if (response.status == 200)
      return go();
    auto answer = refused_by_status(response, "POST " + request.target, "the server has no such route");
    answer.why = "the weights were taken, but inference stays blocked: " + answer.why;
    return answer;
  }

  [[nodiscard]] bool ends_pause(const http_request& /*request*/) const override { return true; }

private:
  [[nodiscard]] static engine_answer judge_state(const http_response& response) {
    const auto question = "GET " + std::string{route};
    if (auto unready = unready_by_status(response, question, no_route))
      return *unready;
    const auto state = parse_body(response);
    if (!state || member(*state, "ready") == nullptr)
      return refused(question
                     + " was answered with HTTP 200 but not in LMDeploy's form; is the endpoint the server "
                       "itself? It said: "
                     + words_of(response));
    if (is_true(*state, "ready"))
      return go();
    if (auto wrong = wrong_backend(*state))
      return *wrong;
    if (auto missing = missing_package(*state))
      return *missing;
    auto answer = not_yet("the server is not ready: " + words_of(response));
    answer.before_asking_again = steps_from(*state);
    return answer;
  }
};

} // namespace

std::unique_ptr<engine_api> make_lmdeploy_api() { return std::make_unique<lmdeploy_api>(); }

} // namespace ckpt::io
