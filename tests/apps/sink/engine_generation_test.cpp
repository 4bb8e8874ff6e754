// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Engines that serve requests while they are updated, over real connections. Who waits for whom in detail is
// tested with the gates.

#include "tests/apps/sink/engine_fixture.hpp"
#include "tests/support/program.hpp"

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

using io::engine_kind;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::eventually;
using tests::hand_pusher;
using tests::http_result;
using tests::patience;
using tests::push_all;
using tests::running_sink;
using namespace std::chrono_literals;

constexpr const char* endless = R"({"text": "once", "sampling_params": {}, "seconds": 3600})";

class engine_generation_test : public engine_test {
protected:
  /// Starts a request to SGLang and waits until it runs.
  static std::future<http_result> generate(const running_sink& sink,
                                           std::chrono::milliseconds timeout = patience) {
    auto answer = sink.start_post("/generate", endless, timeout);
    EXPECT_TRUE(eventually([&] { return sink.get("/flush_cache").response.status == 400U; }, patience));
    return answer;
  }

  static void expect_aborted(std::future<http_result>& request) {
    const auto result = request.get().response;
    EXPECT_EQ(result.status, 200U); // An engine that gives up a request has answered it all the same.
    EXPECT_THAT(result.body, HasSubstr(R"("abort")"));
  }

  static unsigned pause(const running_sink& sink, const std::string& mode) {
    return sink.post("/pause_generation", R"({"mode": ")" + mode + R"("})").response.status;
  }
};

TEST_F(engine_generation_test, answers_when_the_time_is_over) {
  const running_sink sink{sglang()};
  const auto result = sink.post("/generate", R"({"text": "once", "seconds": 0.05})").response;
  EXPECT_EQ(result.status, 200U);
  EXPECT_THAT(result.body, HasSubstr(R"("type":"length")"));
  EXPECT_EQ(sink.post("/generate", "{}").response.status, 200U);
}

TEST_F(engine_generation_test, refuses_bodies_and_modes_that_make_no_sense) {
  const running_sink sink{sglang()};
  for (const auto* body : {"", "[]", R"({"seconds": -1})", R"({"seconds": "5"})", R"({"seconds": 1e300})"})
    EXPECT_EQ(sink.post("/generate", body).response.status, 400U) << body;
  for (const auto* body : {"", R"({"mode": "keep"})", R"({"mode": 1})"})
    EXPECT_EQ(sink.post("/pause_generation", body).response.status, 400U) << body;
  const running_sink other{options(engine_kind::vllm)};
  EXPECT_EQ(other.post("/pause?mode=retract").response.status, 400U);
}

TEST_F(engine_generation_test, an_update_waits_for_running_requests_unless_they_are_aborted) {
  const running_sink sink{sglang()};
  auto request = generate(sink);
  hand_pusher pusher;
  auto answer = sink.start_update({&pusher});
  EXPECT_EQ(answer.wait_for(200ms), std::future_status::timeout);
  EXPECT_FALSE(pusher.connected());
  auto paused = sink.start_post("/pause_generation", R"({"mode": "abort"})");
  expect_aborted(request);
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
  EXPECT_EQ(answer.get().response.status, 200U);
  EXPECT_EQ(paused.get().response.status, 200U);
}

TEST_F(engine_generation_test, a_request_whose_client_hangs_up_holds_up_nobody) {
  const running_sink sink{sglang()};
  auto request = generate(sink, 500ms);
  EXPECT_TRUE(request.get().error);
  EXPECT_EQ(update(sink).response.status, 200U);
}

TEST_F(engine_generation_test, a_paused_engine_is_updated_at_once_and_goes_on_afterwards) {
  const running_sink sink{sglang()};
  auto request = generate(sink);
  EXPECT_EQ(pause(sink, "retract"), 200U);
  EXPECT_EQ(update(sink, "v1").response.status, 200U);
  EXPECT_EQ(request.wait_for(100ms), std::future_status::timeout);
  EXPECT_EQ(sink.post("/continue_generation").response.status, 200U);
  EXPECT_EQ(sink.get("/flush_cache").response.status, 400U); // It runs again.
  EXPECT_EQ(pause(sink, "abort"), 200U);
  expect_aborted(request);
}

TEST_F(engine_generation_test, pauses_wait_for_an_update_of_the_paused_engine) {
  const running_sink sink{sglang()};
  EXPECT_EQ(pause(sink, "retract"), 200U);
  hand_pusher pusher;
  auto answer = sink.start_update({&pusher});
  EXPECT_EQ(pusher.ask(handle()), "");
  auto resumed = sink.start_post("/continue_generation", "{}");
  EXPECT_EQ(resumed.wait_for(200ms), std::future_status::timeout);
  pusher.send(io::pickle_abort("enough"));
  EXPECT_EQ(answer.get().response.status, 400U);
  EXPECT_EQ(resumed.get().response.status, 200U);
}

TEST_F(engine_generation_test, an_update_that_cannot_flush_the_cache_fails_with_the_weights_in) {
  const running_sink sink{sglang()};
  auto request = generate(sink);
  EXPECT_EQ(pause(sink, "in_place"), 200U);
  const auto failed = update(sink, "v1").response;
  EXPECT_EQ(failed.status, 400U);
  EXPECT_THAT(failed.body, HasSubstr("cache was not flushed"));
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr("default"));
  hand_pusher pusher;
  auto answer = sink.start_post("/update_weights_from_ipc", tests::update_body({&pusher}, "v2", false));
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
  EXPECT_EQ(answer.get().response.status, 200U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr("v2"));
  EXPECT_EQ(sink.post("/continue_generation").response.status, 200U);
  EXPECT_EQ(pause(sink, "abort"), 200U);
  expect_aborted(request);
}

TEST_F(engine_generation_test, vllm_updates_in_the_middle_of_requests_and_can_be_paused) {
  const running_sink sink{options(engine_kind::vllm)};
  const auto is_paused = [&] { return sink.get("/is_paused").response.body; };
  auto request = sink.start_post("/v1/completions", endless);
  hand_pusher pusher;
  const auto handles = boost::json::parse(tests::update_body({&pusher}, "")).at("zmq_handles");
  const boost::json::object body{{"method", "update_weights_from_ipc"},
                                 {"args", boost::json::array{handles}}};
  auto answer = sink.start_post("/collective_rpc", boost::json::serialize(body));
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
  EXPECT_EQ(answer.get().response.status, 200U);
  EXPECT_EQ(is_paused(), R"({"is_paused":false})");
  EXPECT_EQ(sink.post("/pause?mode=keep&clear_cache=true").response.body, R"({"status":"paused"})");
  EXPECT_EQ(is_paused(), R"({"is_paused":true})");
  EXPECT_EQ(sink.post("/resume").response.body, R"({"status":"resumed"})");
  EXPECT_EQ(is_paused(), R"({"is_paused":false})");
  EXPECT_TRUE(eventually(
      [&] {
        return sink.post("/pause?mode=abort").response.status == 200U
               && request.wait_for(0s) == std::future_status::ready;
      },
      patience));
  expect_aborted(request);
}

} // namespace
} // namespace ckpt::apps::sink
