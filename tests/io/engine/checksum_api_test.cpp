// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// How engines are asked what they hold, and what the adapters make of the answers.

#include "io/engine/engine_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace ckpt::io {
namespace {

using meaning = engine_answer::meaning;
using testing::HasSubstr;

std::unique_ptr<engine_api> make_api(engine_kind kind) {
  return make_engine_api(kind, parse_pause_mode(kind, "auto"));
}

TEST(checksum_api, is_sglangs_alone) {
  EXPECT_FALSE(make_api(engine_kind::vllm)->checksum_request());
  EXPECT_FALSE(make_api(engine_kind::lmdeploy)->checksum_request());
  EXPECT_FALSE(make_api(engine_kind::vllm)->overwrite_request());
  EXPECT_FALSE(make_api(engine_kind::lmdeploy)->overwrite_request());
  const auto request = make_api(engine_kind::sglang)->checksum_request().value();
  EXPECT_EQ(request.method, http_request::verb::post);
  EXPECT_EQ(request.target, "/weights_checker");
  EXPECT_EQ(boost::json::parse(request.body), boost::json::parse(R"({"action": "checksum"})"));
  EXPECT_GT(request.response_bytes_max, response_body_bytes_max);
  EXPECT_EQ(boost::json::parse(make_api(engine_kind::sglang)->overwrite_request()->body),
            boost::json::parse(R"({"action": "reset_tensors"})"));
}

TEST(checksum_api, takes_what_every_rank_says) {
  const auto said = make_api(engine_kind::sglang)
                        ->judge_checksums({200, R"({"success": true, "message": "Success.", "ranks": [
      {"checksums": {"a": "00"}, "per_gpu_checksum": "x", "parallelism_info": [{"rank": 0, "size": 1}]}]})"},
                                          1);
  EXPECT_EQ(said.answer.is, meaning::go) << said.answer.why;
  EXPECT_EQ(said.answer.remark, "");
  EXPECT_EQ(said.checksums, (engine_checksums{{{"a", "00"}}}));
}

TEST(checksum_api, remarks_on_versions_that_know_no_checksums) {
  const http_response answers[] = {
      {404, R"({"detail": "Not Found"})"},
      {405, {}},
      {400, R"({"success": false, "message": "Unsupported action='checksum'"})"}};
  for (const auto& answer : answers) {
    const auto said = make_api(engine_kind::sglang)->judge_checksums(answer, 1);
    EXPECT_EQ(said.answer.is, meaning::go) << answer.status;
    EXPECT_THAT(said.answer.remark, HasSubstr("cannot tell the checksums")) << answer.status;
    EXPECT_TRUE(said.checksums.empty());
  }
}

TEST(checksum_api, refuses_everything_else) {
  const std::pair<http_response, const char*> cases[] = {
      {{500, "boom"}, "HTTP 500: boom"},
      {{400, R"({"success": false, "message": "out of memory"})"}, "out of memory"},
      {{401, {}}, "--api-key-file"},
      {{200, "<html>"}, "without success: <html>"},
      {{200, "[]"}, "without success"},
      {{200, R"({"success": false, "message": "no"})"}, "without success: no"},
      {{200, R"({"success": true})"}, "makes no sense: there is no list of ranks"},
      {{200, R"({"success": true, "ranks": [{"checksums": {"a": "00"}}]})"}, "rank 1 of 2"}};
  for (const auto& [answer, words] : cases) {
    const auto said = make_api(engine_kind::sglang)->judge_checksums(answer, 2);
    EXPECT_EQ(said.answer.is, meaning::refused) << answer.body;
    EXPECT_THAT(said.answer.why, HasSubstr(words)) << answer.body;
    EXPECT_TRUE(said.checksums.empty());
  }
}

TEST(checksum_api, overwrites_only_by_the_servers_word) {
  const auto api = make_api(engine_kind::sglang);
  EXPECT_EQ(api->judge_overwrite({200, R"({"success": true, "message": "Success."})"}).is, meaning::go);
  EXPECT_EQ(api->judge_overwrite({200, "{}"}).is, meaning::refused);
  EXPECT_EQ(api->judge_overwrite({404, {}}).is, meaning::refused);
}

} // namespace
} // namespace ckpt::io
