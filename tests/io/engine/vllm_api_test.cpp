// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What vLLM is asked, and what is made of its answers.

#include "tests/io/engine/engine_api_fixture.hpp"

namespace ckpt::io {
namespace {

TEST(vllm, is_ready_when_healthy) {
  const auto api = make_api(engine_kind::vllm);
  EXPECT_THAT(targets({api->readiness_request()}), ElementsAre("GET /health"));
  expect(readiness(*api, {{"/health", {200, ""}}}), {200, "", meaning::go, ""});
  expect(readiness(*api, {}), {404, "", meaning::refused, "no vLLM server"});
}

TEST(vllm, is_paused_and_resumed_in_its_own_words) {
  for (const std::string mode : {"keep", "wait", "abort"}) {
    const auto api = make_api(engine_kind::vllm, mode);
    EXPECT_THAT(targets({*api->pause_request()}),
                ElementsAre("POST /pause?mode=" + mode + "&clear_cache=true"));
    expect(api->judge_pause({200, ""}), {200, "", meaning::go, ""});
    EXPECT_THAT(targets({*api->resume_request()}), ElementsAre("POST /resume"));
    EXPECT_THAT(targets(api->closing_requests("v1")),
                ElementsAre(HasSubstr("/reset_prefix_cache?reset_running"), "POST /resume"));
    EXPECT_TRUE(api->ends_pause(*api->resume_request()));
    EXPECT_THAT(api->judge_pause({404, ""}).remark, HasSubstr("no POST /pause"));
    EXPECT_THAT(targets(api->closing_requests("v1")), ElementsAre(HasSubstr("/reset_prefix_cache")));
  }
}

TEST(vllm, that_keeps_what_the_old_weights_computed_is_remarked_on) {
  const auto api = make_api(engine_kind::vllm);
  const auto reset = api->closing_requests(no_version).front();
  for (const http_response& good : {http_response{200, ""}, {200, R"({"success": true})"}})
    EXPECT_EQ(api->judge_closing(reset, good, no_version).remark, "");
  for (const http_response& bad : {http_response{200, R"({"success": false})"}, {404, ""}, {500, "boom"}}) {
    const auto answer = api->judge_closing(reset, bad, no_version);
    EXPECT_EQ(answer.is, meaning::go);
    EXPECT_THAT(answer.remark, HasSubstr("prefix cache"));
  }
}

TEST(vllm, is_told_the_method_the_channels_and_the_time) {
  const auto api = make_api(engine_kind::vllm);
  const auto request = api->update_request(two_devices, "v1", 300s);
  EXPECT_THAT(targets({request}), ElementsAre("POST /collective_rpc"));
  EXPECT_EQ(body_of(request), boost::json::parse(R"({"method": "update_weights_from_ipc",
                                   "args": [{"GPU-a": "ipc://@one", "GPU-b": "ipc://@two"}], "timeout": 300.0})"));
  EXPECT_THAT(targets(make_api(engine_kind::vllm, "none")->closing_requests("v1")),
              ElementsAre(HasSubstr("/reset_prefix_cache")));
}

TEST(vllm, is_updated_when_no_worker_complains) {
  const auto api = make_api(engine_kind::vllm);
  const judgement table[] = {
      {200, "", meaning::go, ""},
      {200, R"({"results": []})", meaning::go, ""},
      {200, R"({"results": [null, null]})", meaning::go, ""},
      {200, R"({"results": ["ok", "None", true, {"success": true}, []]})", meaning::go, ""},
      {200, R"({"results": [null, "RuntimeError: x"]})", meaning::refused, "worker 1"},
      {200, R"({"results": ["Traceback (most recent call last): ..."]})", meaning::refused, "Traceback"},
      {200, R"({"results": [false]})", meaning::refused, "worker 0"},
      {200, R"({"results": ["False"]})", meaning::refused, "worker 0"},
      {200, R"({"results": [{"success": false}]})", meaning::refused, "worker 0"},
      {200, R"({"results": [{"error": "no memory"}]})", meaning::refused, "no memory"},
      {200, R"({"results": [{"success": true, "error": "no memory"}]})", meaning::refused, "no memory"},
      {200, R"({"results": ["CUDA out of memory"]})", meaning::refused, "CUDA out of memory"},
      {200, R"({"results": [null, 1]})", meaning::refused, "worker 1"},
      {200, R"({"results": [null], "error": "half of it"})", meaning::refused, "half of it"},
      {404, R"({"detail":"Not Found"})", meaning::refused, "VLLM_SERVER_DEV_MODE=1"},
  };
  for (const auto& row : table)
    expect(api->judge_update({row.status, row.body}), row);
}

} // namespace
} // namespace ckpt::io
