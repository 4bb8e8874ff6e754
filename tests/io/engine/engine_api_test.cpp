// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What the adapters ask, and what they make of good, bad and absurd answers.

#include "io/engine/engine_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <map>
#include <stdexcept>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using meaning = engine_answer::meaning;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<device_channel> two_devices{{"GPU-a", "ipc://@one"}, {"GPU-b", "ipc://@two"}};
const std::optional<std::string> no_version;

/// One answer of a server and what has to come of it.
struct judgement {
  unsigned status;
  std::string body;
  meaning is;
  std::string why; ///< a part of engine_answer::why
};

void expect(const engine_answer& answer, const judgement& expected) {
  EXPECT_EQ(answer.is, expected.is) << expected.status << " " << expected.body << ": " << answer.why;
  EXPECT_THAT(answer.why, HasSubstr(expected.why)) << expected.status << " " << expected.body;
  EXPECT_EQ(answer.is == meaning::go, answer.why.empty());
}

std::vector<std::string> targets(const std::vector<http_request>& requests) {
  std::vector<std::string> result;
  for (const auto& request : requests)
    result.push_back((request.method == http_request::verb::post ? "POST " : "GET ") + request.target);
  return result;
}

const std::vector<engine_kind> all_kinds{engine_kind::sglang, engine_kind::vllm, engine_kind::lmdeploy};

/// As it is made for users who do not choose a pause.
std::unique_ptr<engine_api> make_api(engine_kind kind, std::string_view pause = "auto") {
  return make_engine_api(kind, parse_pause_mode(kind, pause));
}

/// The server's answers to one question after another, by route, until something is decided.
engine_answer readiness(engine_api& api, const std::map<std::string, http_response>& says,
                        std::vector<std::string>* asked = nullptr) {
  auto request = api.readiness_request();
  for (int questions = 0; questions < 8; ++questions) {
    if (asked != nullptr)
      asked->push_back(request.target);
    const auto found = says.find(request.target);
    const auto answer =
        api.judge_readiness(request, found == says.end() ? http_response{404, ""} : found->second);
    if (!answer.ask_instead)
      return answer;
    request = *answer.ask_instead;
  }
  ADD_FAILURE() << "asks for ever";
  return {};
}

boost::json::value body_of(const http_request& request) { return boost::json::parse(request.body); }

/// Bodies that no engine sends. With status 200 none of them may pass for a success.
std::vector<std::string> absurd_bodies() {
  return {
      "null",
      "true",
      "[]",
      "[{}]",
      "{}",
      "\"ok\"",
      "0",
      "{",
      "<html>It works!</html>",
      std::string(1, '\0'),
      "\xff\xfe",
      std::string(100'000, '['),
      R"({"success":1})",
      R"({"success":"true"})",
      R"({"success":null})",
      R"({"Success":true})",
      R"({"success":[true]})",
      R"({"results":null})",
      R"({"results":{}})",
      R"({"message":{"message":{}}})",
      R"({"error":[],"detail":[1,{"msg":2}]})",
      R"({"ready":1,"backend":7,"sleeping_tags":[null,{}]})",
  };
}

TEST(engine_kind, is_known_by_its_name) {
  for (const auto kind : all_kinds)
    EXPECT_EQ(parse_engine_kind(name(kind)), kind);
  EXPECT_EQ(parse_engine_kind("SGLang"), std::nullopt);
  EXPECT_EQ(parse_engine_kind(""), std::nullopt);
}

TEST(pause_mode, is_known_by_the_engines_own_word_for_it) {
  for (const auto kind : all_kinds) {
    const auto automatic = parse_pause_mode(kind, "auto");
    EXPECT_EQ(parse_pause_mode(kind, name(automatic)), automatic);
  }
  EXPECT_EQ(parse_pause_mode(engine_kind::sglang, "auto"), pause_mode::retract);
  EXPECT_EQ(parse_pause_mode(engine_kind::sglang, "in_place"), pause_mode::in_place);
  EXPECT_EQ(parse_pause_mode(engine_kind::vllm, "auto"), pause_mode::keep);
  EXPECT_EQ(parse_pause_mode(engine_kind::vllm, "none"), pause_mode::none);
  EXPECT_EQ(parse_pause_mode(engine_kind::lmdeploy, "auto"), pause_mode::sleep);
}

TEST(pause_mode, of_another_engine_is_refused_with_those_that_there_are) {
  const std::pair<engine_kind, const char*> table[] = {
      {engine_kind::sglang, "keep"}, {engine_kind::sglang, ""},       {engine_kind::vllm, "retract"},
      {engine_kind::vllm, "sleep"},  {engine_kind::lmdeploy, "none"}, {engine_kind::lmdeploy, "abort"}};
  for (const auto& [kind, word] : table)
    try {
      static_cast<void>(parse_pause_mode(kind, word));
      ADD_FAILURE() << name(kind) << " " << word;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr("auto, " + std::string{name(parse_pause_mode(kind, "auto"))}));
    }
  EXPECT_THROW(static_cast<void>(make_engine_api(engine_kind::vllm, pause_mode::retract)),
               std::invalid_argument);
}

TEST(every_engine, never_takes_an_absurd_answer_for_a_success) {
  for (const auto kind : all_kinds) {
    const auto api = make_api(kind);
    for (const auto& body : absurd_bodies()) {
      EXPECT_EQ(api->judge_update({200, body}).is, meaning::refused)
          << name(kind) << " " << body.substr(0, 80);
      for (const unsigned status : {100U, 204U, 301U, 400U, 401U, 403U, 404U, 422U, 500U, 503U})
        EXPECT_EQ(api->judge_update({status, body}).is, meaning::refused) << name(kind) << " " << status;
    }
  }
}

TEST(every_engine, keeps_its_messages_short_and_printable) {
  std::string body = "first line\n\x1b[31m";
  body += std::string(1'000'000, 'x') + "\xc3\xa4 \xf0\x9f\x98 RuntimeError: out of memory";
  for (const auto kind : all_kinds) {
    const auto why = make_api(kind)->judge_update({500, body}).why;
    EXPECT_LT(why.size(), 800U);
    EXPECT_THAT(why, HasSubstr("first line"));
    EXPECT_THAT(why, HasSubstr("\xc3\xa4 ??? RuntimeError: out of memory"));
    for (const char c : why)
      EXPECT_FALSE(c >= 0 && c < ' ') << "control character " << int{c};
  }
}

TEST(every_engine, keeps_an_explanation_of_some_length_whole_and_bounds_any_other) {
  const auto explained = [](engine_kind kind, const std::string& message) {
    return make_api(kind)->judge_update({400, R"({"success":false,"message":")" + message + "\"}"}).why;
  };
  // Two workers of an engine, each with the path of a file deep in a cluster's file system.
  const auto long_message = "worker 0: /" + std::string(800, 'a') + "; worker 1: /" + std::string(800, 'b');
  for (const auto kind : all_kinds) {
    EXPECT_THAT(explained(kind, long_message), HasSubstr(long_message));
    EXPECT_LT(explained(kind, std::string(1'000'000, 'x')).size(), 2500U);
  }
}

TEST(every_engine, points_to_the_key_file_when_the_key_is_wrong) {
  for (const auto kind : all_kinds)
    for (const unsigned status : {401U, 403U}) {
      const auto api = make_api(kind);
      const judgement expected{status, R"({"error": "Unauthorized"})", meaning::refused, "--api-key-file"};
      expect(api->judge_update({status, expected.body}), expected);
      expect(api->judge_readiness(api->readiness_request(), {status, expected.body}), expected);
      EXPECT_THAT(api->judge_update({status, expected.body}).why, HasSubstr("Unauthorized"));
    }
}

TEST(every_engine, is_asked_again_while_it_starts_and_given_up_when_it_is_broken) {
  for (const auto kind : all_kinds) {
    const auto api = make_api(kind);
    const auto all_say = [&](unsigned status, const std::string& body) {
      const http_response response{status, body};
      return readiness(*api, {{"/ping", response},
                              {"/model_info", response},
                              {"/health", response},
                              {"/update_weights_from_ipc", response}});
    };
    for (const unsigned status : {429U, 502U, 503U, 504U}) {
      expect(all_say(status, ""), {status, "", meaning::not_yet, std::to_string(status)});
      expect(all_say(status, R"({"message":"loading"})"), {status, "", meaning::not_yet, ": loading"});
    }
    for (const unsigned status : {302U, 400U, 500U})
      expect(all_say(status, "oops"), {status, "oops", meaning::refused, "oops"});
  }
}

TEST(every_engine, tells_the_servers_own_words) {
  const judgement table[] = {
      {400, R"({"success": false, "message": "no such device"})", meaning::refused, "no such device"},
      {400, R"({"error": {"message": "bad body", "code": 400}})", meaning::refused, "bad body"},
      {400, R"({"object": "error", "message": "older shape"})", meaning::refused, "older shape"},
      {422, R"({"detail": [{"msg": "field required"}, {"msg": "too short"}]})", meaning::refused,
       "required; too short"},
      {404, R"({"detail": "Not Found"})", meaning::refused, "HTTP 404"},
      {500, "Internal Server Error", meaning::refused, "HTTP 500: Internal Server Error"},
      {500, "", meaning::refused, "(no text)"},
  };
  for (const auto kind : all_kinds)
    for (const auto& row : table)
      expect(make_api(kind)->judge_update({row.status, row.body}), row);
}

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

TEST(lmdeploy, is_brought_to_the_state_in_which_it_takes_weights) {
  const auto api = make_api(engine_kind::lmdeploy);
  EXPECT_THAT(targets({*api->pause_request()}), ElementsAre("GET /update_weights_from_ipc"));
  struct {
    const char* state;
    std::vector<std::string> steps;
  } const table[] = {
      {R"({"ready":false,"message":"m","backend":"pytorch","device_type":"cuda","is_sleeping":false,"sleeping_tags":[]})",
       {"POST /sleep?level=2", "POST /wakeup?tags=weights"}},
      {R"({"ready":false,"message":"m","is_sleeping":true,"sleeping_tags":["kv_cache","weights"]})",
       {"POST /wakeup?tags=weights"}},
      {R"({"ready":false,"message":"m","is_sleeping":true,"sleeping_tags":["weights"]})",
       {"POST /sleep?level=2", "POST /wakeup?tags=weights"}},
      {R"({"ready":false,"message":"m","is_sleeping":true,"sleeping_tags":["kv_cache"]})", {}},
      {R"({"ready":false,"message":"m","is_sleeping":true,"sleeping_tags":["kv_cache"],
           "checkpoint_engine_version":null,"worker_ranks":[]})",
       {}},
  };
  for (const auto& row : table) {
    const auto answer = api->judge_pause({200, row.state});
    expect(answer, {200, row.state, meaning::not_yet, "not ready: m"});
    // It is not put to sleep before all engines are ready for the update.
    EXPECT_EQ(readiness(*api, {{"/update_weights_from_ipc", {200, row.state}}}).is,
              row.steps.empty() ? meaning::not_yet : meaning::go);
    EXPECT_EQ(targets(answer.before_asking_again), row.steps) << row.state;
    for (const auto& step : answer.before_asking_again)
      EXPECT_EQ(step.body, "{}");
  }
}

TEST(lmdeploy, is_ready_when_it_says_so_and_refused_when_it_never_will_be) {
  const auto api = make_api(engine_kind::lmdeploy);
  const judgement table[] = {
      {200, R"({"ready":true,"message":"","backend":"pytorch"})", meaning::go, ""},
      {200, R"({"ready":false,"backend":"turbomind","device_type":"cuda"})", meaning::refused, "turbomind"},
      {200, R"({"ready":false,"backend":"pytorch","device_type":"ascend"})", meaning::refused, "ascend"},
      {200, R"({"ready":false,"backend":"pytorch","device_type":"cuda","checkpoint_engine_version":null,
                "worker_ranks":[0],"message":"cannot import"})",
       meaning::refused, "cannot import"},
      {200, R"({"status":"ok"})", meaning::refused, "not in LMDeploy's form"},
      {200, "", meaning::refused, "not in LMDeploy's form"},
      {404, "", meaning::refused, "--empty-init"},
      {501, R"({"message":"require backend=\"pytorch\""})", meaning::refused, "require backend"},
  };
  for (const auto& row : table) {
    expect(api->judge_pause({row.status, row.body}), row);
    expect(api->judge_readiness(api->readiness_request(), {row.status, row.body}), row);
  }
  EXPECT_FALSE(api->resume_request()) << "it has lost its weights";
}

TEST(lmdeploy, is_told_the_channels) {
  const auto request = make_api(engine_kind::lmdeploy)->update_request(two_devices, "v1", 300s);
  EXPECT_THAT(targets({request}), ElementsAre("POST /update_weights_from_ipc"));
  EXPECT_EQ(body_of(request),
            boost::json::parse(R"({"zmq_handles": {"GPU-a": "ipc://@one", "GPU-b": "ipc://@two"}})"));
}

TEST(lmdeploy, is_updated_only_by_its_own_word_and_then_woken) {
  const auto api = make_api(engine_kind::lmdeploy);
  const judgement table[] = {
      {200, R"({"success": true, "message": ""})", meaning::go, ""},
      {200, R"({"success": false, "message": "partial group"})", meaning::refused, "partial group"},
      {400, R"({"success": false, "message": "not prepared"})", meaning::refused, "not prepared"},
      {501, R"({"message": "pytorch only"})", meaning::refused, "pytorch only"},
      {404, "", meaning::refused, "--empty-init"},
  };
  for (const auto& row : table)
    expect(api->judge_update({row.status, row.body}), row);

  const auto requests = api->closing_requests(no_version);
  ASSERT_THAT(targets(requests), ElementsAre("POST /wakeup?tags=kv_cache"));
  EXPECT_EQ(requests[0].body, "{}");
  expect(api->judge_closing(requests[0], {200, ""}, no_version), {200, "", meaning::go, ""});
  expect(api->judge_closing(requests[0], {500, "boom"}, no_version),
         {500, "boom", meaning::refused, "inference stays blocked"});
}

} // namespace
} // namespace ckpt::io
