// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What SGLang is asked, and what is made of its answers.

#include "tests/io/engine/engine_api_fixture.hpp"

namespace ckpt::io {
namespace {

const http_response info_of_default{200, R"({"model_path": "x", "weight_version": "default"})"};
const http_response info_of_v1{200, R"({"weight_version": "v1"})"};
const http_response began_with_dummies{200, R"({"load_format": "dummy", "version": "0.5.23"})"};

TEST(sglang, is_ready_when_it_tells_of_its_model) {
  const auto api = make_api(engine_kind::sglang);
  std::vector<std::string> asked;
  expect(readiness(*api, {{"/ping", {200, ""}}, {"/model_info", info_of_v1}}, &asked),
         {200, "", meaning::go, ""});
  EXPECT_THAT(asked, ElementsAre("/ping", "/model_info"));
  EXPECT_EQ(api->version_before(), "v1");
  EXPECT_THAT(targets(api->closing_requests(no_version)),
              ElementsAre("POST /flush_cache", "POST /continue_generation"));
}

TEST(sglang, takes_its_first_weights_while_ping_says_503) {
  const auto api = make_api(engine_kind::sglang);
  std::vector<std::string> asked;
  expect(readiness(*api, {{"/ping", {503, ""}}, {"/model_info", info_of_default}}, &asked),
         {200, "", meaning::go, ""});
  EXPECT_THAT(asked, ElementsAre("/ping", "/model_info"));
  EXPECT_FALSE(api->pause_request()) << "there are no requests to be paused";
  const auto closing = api->closing_requests("v1");
  ASSERT_THAT(targets(closing), ElementsAre("GET /model_info", "GET /ping"));
  expect(api->judge_closing(closing[1], {503, ""}, "v1"), {503, "", meaning::not_yet, "503"});
  expect(api->judge_closing(closing[1], {200, ""}, "v1"), {200, "", meaning::go, ""});
}

TEST(sglang, that_is_older_is_known_to_wait_by_other_routes) {
  const auto waits_at = [](const std::map<std::string, http_response>& says) {
    const auto api = make_api(engine_kind::sglang);
    const auto answer = readiness(*api, says);
    EXPECT_EQ(answer.is, meaning::go) << answer.why;
    EXPECT_EQ(answer.remark, "");
    return targets(api->closing_requests(no_version)).back();
  };
  EXPECT_EQ(waits_at({{"/ping", {200, ""}},
                      {"/model_info", info_of_default},
                      {"/server_info", began_with_dummies},
                      {"/ready", {503, ""}}}),
            "GET /ready");
  EXPECT_EQ(waits_at({{"/ping", {200, ""}},
                      {"/model_info", info_of_default},
                      {"/server_info", began_with_dummies},
                      {"/health", {503, ""}}}),
            "GET /health");
  EXPECT_EQ(waits_at({{"/ping", {200, ""}},
                      {"/get_model_info", info_of_default},
                      {"/get_server_info", began_with_dummies},
                      {"/health", {503, ""}}}),
            "GET /health");
  EXPECT_EQ(waits_at({{"/ping", {200, ""}},
                      {"/model_info", info_of_default},
                      {"/server_info", {200, R"({"load_format": "auto"})"}}}),
            "POST /continue_generation");
}

TEST(sglang, that_waits_or_is_paused_by_somebody_is_told_to_go_on) {
  const auto api = make_api(engine_kind::sglang);
  static_cast<void>(readiness(*api, {{"/ping", {200, ""}},
                                     {"/model_info", info_of_default},
                                     {"/server_info", began_with_dummies},
                                     {"/ready", {503, ""}}}));
  EXPECT_FALSE(api->pause_request());
  EXPECT_TRUE(api->resume_request());
  EXPECT_THAT(targets(api->closing_requests(no_version)),
              ElementsAre("POST /continue_generation", "GET /ready"));
}

TEST(sglang, that_serves_dummy_weights_is_remarked_on) {
  const auto api = make_api(engine_kind::sglang);
  const auto answer = readiness(*api, {{"/ping", {200, ""}},
                                       {"/model_info", info_of_default},
                                       {"/server_info", began_with_dummies},
                                       {"/ready", {200, ""}}});
  EXPECT_EQ(answer.is, meaning::go);
  EXPECT_THAT(answer.remark, HasSubstr("dummy weights"));
}

TEST(sglang, that_does_not_tell_of_its_model_yet_is_asked_again_with_both_reasons) {
  const auto api = make_api(engine_kind::sglang);
  const auto answer = readiness(*api, {{"/ping", {503, "starting"}}, {"/model_info", {503, "loading"}}});
  EXPECT_EQ(answer.is, meaning::not_yet);
  EXPECT_THAT(answer.why, HasSubstr("GET /model_info was answered with HTTP 503: loading"));
  EXPECT_THAT(answer.why, HasSubstr("GET /ping was answered with HTTP 503: starting"));
}

TEST(sglang, is_asked_under_the_old_name_and_believed_without_any) {
  const auto api = make_api(engine_kind::sglang);
  expect(readiness(*api, {{"/ping", {200, ""}}, {"/get_model_info", info_of_v1}}),
         {200, "", meaning::go, ""});
  EXPECT_THAT(targets({*api->version_request()}), ElementsAre("GET /get_model_info"));
  expect(readiness(*api, {{"/ping", {200, ""}}}), {200, "", meaning::go, ""});
  expect(readiness(*api, {{"/ping", {503, ""}}}), {404, "", meaning::refused, "no SGLang server"});
}

TEST(sglang, is_paused_and_resumed_in_its_own_words) {
  for (const auto* mode : {"retract", "in_place", "abort"}) {
    const auto api = make_api(engine_kind::sglang, mode);
    const auto request = api->pause_request();
    ASSERT_TRUE(request);
    EXPECT_THAT(targets({*request}), ElementsAre("POST /pause_generation"));
    EXPECT_EQ(body_of(*request), boost::json::parse(std::string{"{\"mode\": \""} + mode + "\"}"));
    expect(api->judge_pause({200, "{}"}), {200, "", meaning::go, ""});
    EXPECT_TRUE(api->is_paused());
    EXPECT_EQ(body_of(api->update_request(two_devices, no_version, 300s)).at("flush_cache"), false);
    ASSERT_TRUE(api->resume_request());
    EXPECT_THAT(targets({*api->resume_request()}), ElementsAre("POST /continue_generation"));
    EXPECT_TRUE(api->ends_pause(*api->resume_request()));
    EXPECT_FALSE(api->ends_pause(*request));
  }
  const auto unpaused = make_api(engine_kind::sglang, "none");
  EXPECT_FALSE(unpaused->pause_request());
  EXPECT_FALSE(unpaused->resume_request());
  EXPECT_TRUE(unpaused->closing_requests(no_version).empty());
}

TEST(sglang, without_a_pause_is_updated_all_the_same) {
  const auto api = make_api(engine_kind::sglang);
  const auto answer = api->judge_pause({404, ""});
  EXPECT_EQ(answer.is, meaning::go);
  EXPECT_THAT(answer.remark, HasSubstr("waits for running requests"));
  EXPECT_FALSE(api->is_paused());
  EXPECT_FALSE(api->resume_request());
  expect(make_api(engine_kind::sglang)->judge_pause({500, "boom"}), {500, "", meaning::refused, "boom"});
}

TEST(sglang, that_cannot_flush_its_cache_is_remarked_on) {
  const auto api = make_api(engine_kind::sglang, "in_place");
  const auto flush = api->closing_requests(no_version).front();
  const auto answer = api->judge_closing(flush, {400, "requests are running"}, no_version);
  EXPECT_EQ(answer.is, meaning::go);
  EXPECT_THAT(answer.remark, HasSubstr("prefix cache"));
  EXPECT_THAT(answer.remark, HasSubstr("requests are running"));
  expect(api->judge_closing(flush, {200, ""}, no_version), {200, "", meaning::go, ""});
}

TEST(sglang, is_told_the_channels_and_the_version) {
  const auto api = make_api(engine_kind::sglang, "none");
  const auto request = api->update_request(two_devices, "v 1\"", 300s);
  EXPECT_THAT(targets({request}), ElementsAre("POST /update_weights_from_ipc"));
  EXPECT_EQ(body_of(request),
            boost::json::parse(R"({"zmq_handles": {"GPU-a": "ipc://@one", "GPU-b": "ipc://@two"},
                                                     "flush_cache": true, "weight_version": "v 1\""})"));
  EXPECT_TRUE(body_of(api->update_request(two_devices, no_version, 300s)).at("weight_version").is_null());
}

TEST(sglang, is_updated_only_by_its_own_word) {
  const auto api = make_api(engine_kind::sglang);
  const judgement table[] = {
      {200, R"({"success": true, "message": "done"})", meaning::go, ""},
      {200, R"({"success": false, "message": "load failed"})", meaning::refused, "load failed"},
      {200, R"({"message": "done"})", meaning::refused, "is the endpoint the server itself"},
      {200, "", meaning::refused, "is the endpoint the server itself"},
      {404, R"({"detail":"Not Found"})", meaning::refused, "--checkpoint-engine-wait-weights-before-ready"},
      {405, "", meaning::refused, "--checkpoint-engine-wait-weights-before-ready"},
  };
  for (const auto& row : table)
    expect(api->judge_update({row.status, row.body}), row);
}

TEST(sglang, confirms_the_version_under_the_new_or_the_old_name) {
  const auto api = make_api(engine_kind::sglang, "none");
  EXPECT_TRUE(api->closing_requests(no_version).empty());
  const std::optional<std::string> version = "v1";
  const auto requests = api->closing_requests(version);
  ASSERT_THAT(targets(requests), ElementsAre("GET /model_info"));

  const auto missing = api->judge_closing(requests[0], {404, ""}, version);
  EXPECT_EQ(missing.is, meaning::not_yet);
  ASSERT_TRUE(missing.ask_instead);
  EXPECT_THAT(targets({*missing.ask_instead}), ElementsAre("GET /get_model_info"));

  const judgement table[] = {
      {200, R"({"model_path": "x", "weight_version": "v1"})", meaning::go, ""},
      {200, R"({"weight_version": "v0"})", meaning::refused, "says weight version \"v0\" instead of \"v1\""},
      {200, R"({"weight_version": null})", meaning::refused, "instead of \"v1\""},
      {200, R"({})", meaning::refused, "instead of \"v1\""},
      {200, "garbage", meaning::refused, "instead of \"v1\""},
      {503, "", meaning::not_yet, "503"},
      {500, "boom", meaning::refused, "boom"},
      {401, "", meaning::refused, "--api-key-file"},
  };
  for (const auto& row : table) {
    expect(api->judge_closing(requests[0], {row.status, row.body}, version), row);
    expect(api->judge_closing(*missing.ask_instead, {row.status, row.body}, version), row);
  }
  expect(api->judge_closing(*missing.ask_instead, {404, ""}, version),
         {404, "", meaning::refused, "does not tell its weight version"});
}

} // namespace
} // namespace ckpt::io
