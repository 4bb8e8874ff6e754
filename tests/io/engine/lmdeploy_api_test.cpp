// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What LMDeploy is asked, and what is made of its answers.

#include "tests/io/engine/engine_api_fixture.hpp"

namespace ckpt::io {
namespace {

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
