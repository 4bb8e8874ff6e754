// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What every adapter asks, and what it makes of good, bad and absurd answers.

#include "tests/io/engine/engine_api_fixture.hpp"

namespace ckpt::io {
namespace {

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

} // namespace
} // namespace ckpt::io
