// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the adapters share: questions, and the answers that they are to be judged by.

#include "io/engine/engine_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <map>
#include <stdexcept>

namespace ckpt::io {

using namespace std::chrono_literals;
using meaning = engine_answer::meaning;
using testing::ElementsAre;
using testing::HasSubstr;

inline const std::vector<device_channel> two_devices{{"GPU-a", "ipc://@one"}, {"GPU-b", "ipc://@two"}};
inline const std::optional<std::string> no_version;

/// One answer of a server and what has to come of it.
struct judgement {
  unsigned status;
  std::string body;
  meaning is;
  std::string why; ///< a part of engine_answer::why
};

inline void expect(const engine_answer& answer, const judgement& expected) {
  EXPECT_EQ(answer.is, expected.is) << expected.status << " " << expected.body << ": " << answer.why;
  EXPECT_THAT(answer.why, HasSubstr(expected.why)) << expected.status << " " << expected.body;
  EXPECT_EQ(answer.is == meaning::go, answer.why.empty());
}

inline std::vector<std::string> targets(const std::vector<http_request>& requests) {
  std::vector<std::string> result;
  for (const auto& request : requests)
    result.push_back((request.method == http_request::verb::post ? "POST " : "GET ") + request.target);
  return result;
}

inline const std::vector<engine_kind> all_kinds{engine_kind::sglang, engine_kind::vllm,
                                                engine_kind::lmdeploy};

/// As it is made for users who do not choose a pause.
inline std::unique_ptr<engine_api> make_api(engine_kind kind, std::string_view pause = "auto") {
  return make_engine_api(kind, parse_pause_mode(kind, pause));
}

/// The server's answers to one question after another, by route, until something is decided.
inline engine_answer readiness(engine_api& api, const std::map<std::string, http_response>& says,
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

inline boost::json::value body_of(const http_request& request) { return boost::json::parse(request.body); }

/// Bodies that no engine sends. With status 200 none of them may pass for a success.
inline std::vector<std::string> absurd_bodies() {
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

} // namespace ckpt::io
