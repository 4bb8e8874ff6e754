// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The engine over real connections.

#include "apps/sink/engine.hpp"

#include "tests/apps/sink/engine_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json.hpp>

#include <sys/socket.h>
#include <sys/un.h>

namespace ckpt::apps::sink {
namespace {

using io::engine_kind;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::hand_pusher;
using tests::list_message;
using tests::push_all;
using tests::running_sink;
using namespace std::chrono_literals;

constexpr const char* update_route = "/update_weights_from_ipc";

// SGLang.

TEST_F(engine_test, sglang_is_pingable_at_once_and_healthy_once_it_has_weights) {
  const running_sink sink{sglang()};
  EXPECT_EQ(sink.get("/ping").response.status, 200U);
  EXPECT_EQ(sink.get("/health").response.status, 503U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr(R"("weight_version":"default")"));
  const auto answer = update(sink, "step-7");
  EXPECT_EQ(answer.response.status, 200U);
  EXPECT_THAT(answer.response.body, HasSubstr(R"("success":true)"));
  EXPECT_THAT(answer.response.body, HasSubstr("verified bit for bit"));
  EXPECT_EQ(sink.get("/health").response.status, 200U);
  EXPECT_EQ(sink.get("/health_generate").response.status, 200U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr(R"("weight_version":"step-7")"));
  EXPECT_THAT(sink.get("/get_model_info").response.body, HasSubstr("step-7"));
}

TEST_F(engine_test, answers_only_after_all_workers_are_through) {
  auto wanted = sglang();
  wanted.workers = 2;
  const running_sink sink{wanted};
  hand_pusher first;
  hand_pusher second;
  auto answer = sink.start_update({&first, &second});
  EXPECT_THAT(push_all(first, source_), Each(IsEmpty()));
  EXPECT_EQ(answer.wait_for(100ms), std::future_status::timeout);
  EXPECT_THAT(push_all(second, source_), Each(IsEmpty()));
  EXPECT_EQ(answer.get().response.status, 200U);
}

TEST_F(engine_test, keeps_the_old_version_when_verification_fails) {
  const running_sink sink{sglang()};
  hand_pusher pusher;
  auto answer = sink.start_update({&pusher}, "bad");
  EXPECT_EQ(pusher.ask(handle()), "");
  EXPECT_EQ(pusher.ask(io::pickle_none()), "");
  pusher.send(io::pickle_none());
  const auto result = answer.get();
  EXPECT_EQ(result.response.status, 400U);
  EXPECT_THAT(result.response.body, HasSubstr(R"("success":false)"));
  EXPECT_THAT(result.response.body, HasSubstr("never came"));
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr("default"));
}

TEST_F(engine_test, refuses_a_second_update_while_one_is_under_way) {
  const running_sink sink{sglang()};
  hand_pusher pusher;
  auto answer = sink.start_update({&pusher});
  EXPECT_EQ(pusher.ask(handle()), "");
  hand_pusher other;
  const auto refused = sink.start_update({&other}).get();
  EXPECT_EQ(refused.response.status, 400U);
  EXPECT_THAT(refused.response.body, HasSubstr("another update is under way"));
  EXPECT_EQ(sink.get("/ping").response.status, 200U); // Everything else goes on.
  EXPECT_EQ(pusher.ask(list_message(source_.tensors())), "");
  EXPECT_EQ(pusher.ask(io::pickle_none()), "");
  EXPECT_EQ(pusher.ask(io::pickle_none()), "");
  EXPECT_EQ(answer.get().response.status, 200U);
  EXPECT_EQ(update(sink).response.status, 200U);
}

TEST_F(engine_test, refuses_bodies_it_cannot_use) {
  const running_sink sink{sglang()};
  for (const auto* body :
       {"", "[]", "{", R"({"zmq_handles": 1})", R"({"zmq_handles": {"GPU-0": 5}})",
        R"({"zmq_handles": {"GPU-0": "tcp://1.2.3.4:5"}})", R"({"zmq_handles": {}, "weight_version": 3})",
        R"({"zmq_handles": {}})", R"({"zmq_handles": {"GPU-0": "ipc://@a", "GPU-1": "ipc://@b"}})"}) {
    const auto result = sink.post(update_route, body);
    EXPECT_EQ(result.response.status, 400U) << body;
    EXPECT_THAT(result.response.body, HasSubstr(R"("success":false)")) << body;
  }
  EXPECT_EQ(update(sink).response.status, 200U);
}

TEST_F(engine_test, knows_its_routes_and_no_others) {
  const running_sink sink{sglang()};
  EXPECT_EQ(sink.get("/collective_rpc").response.status, 404U);
  EXPECT_EQ(sink.get(update_route).response.status, 405U);
  for (const auto* route : {"/pause_generation", "/continue_generation", "/flush_cache"})
    EXPECT_EQ(sink.post(route).response.status, 200U) << route;
}

TEST_F(engine_test, demands_the_keys_it_was_given) {
  auto wanted = sglang();
  wanted.api_key = "user";
  wanted.admin_api_key = "root";
  const running_sink sink{wanted};
  EXPECT_EQ(sink.get("/health").response.status, 503U); // Open, though not healthy yet.
  EXPECT_EQ(sink.get("/ping").response.status, 401U);
  EXPECT_EQ(sink.get("/ping", "wrong").response.status, 401U);
  EXPECT_EQ(sink.get("/ping", "user").response.status, 200U);
  EXPECT_EQ(sink.post(update_route, "{}").response.status, 401U);
  EXPECT_EQ(sink.post(update_route, "{}", "user").response.status, 403U);
  EXPECT_EQ(sink.post(update_route, "{}", "root").response.status, 400U); // The body is next.
}

TEST_F(engine_test, lets_the_api_key_update_where_there_is_no_admin_key) {
  auto wanted = sglang();
  wanted.api_key = "user";
  const running_sink sink{wanted};
  const auto denied = sink.post(update_route, "{}", "guess");
  EXPECT_EQ(denied.response.status, 401U);
  EXPECT_THAT(denied.response.body, HasSubstr(R"({"error":)"));
  EXPECT_EQ(sink.post(update_route, "{}", "user").response.status, 400U);
}

TEST_F(engine_test, is_unavailable_while_it_starts) {
  auto wanted = sglang();
  wanted.ready_after = 1h;
  const running_sink sink{wanted};
  EXPECT_EQ(sink.get("/ping").response.status, 503U);
  EXPECT_EQ(sink.post(update_route).response.status, 503U);
  wanted.engine = engine_kind::lmdeploy;
  const running_sink other{wanted};
  EXPECT_THAT(other.get(update_route).response.body, HasSubstr(R"("ready":false)"));
  EXPECT_EQ(other.get("/health").response.status, 503U);
}

// vLLM.

/// Starts an update the way vLLM is asked for it.
std::future<tests::http_result> start_vllm_update(const running_sink& sink,
                                                  const std::vector<hand_pusher*>& pushers) {
  auto handles = boost::json::parse(tests::update_body(pushers, "")).at("zmq_handles");
  const boost::json::object body{
      {"method", "update_weights_from_ipc"}, {"args", boost::json::array{handles}}, {"timeout", 300.0}};
  return std::async(std::launch::async, [&sink, text = boost::json::serialize(body)] {
    return sink.post("/collective_rpc", text);
  });
}

TEST_F(engine_test, vllm_takes_an_update_through_collective_rpc) {
  const running_sink sink{options(engine_kind::vllm)};
  EXPECT_EQ(sink.get("/health").response.status, 200U);
  hand_pusher pusher;
  auto answer = start_vllm_update(sink, {&pusher});
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
  const auto result = answer.get();
  EXPECT_EQ(result.response.status, 200U);
  EXPECT_EQ(result.response.body, R"({"results":[null]})");
  for (const auto* route :
       {"/pause?mode=abort&clear_cache=true", "/resume", "/sleep?level=1", "/reset_prefix_cache"})
    EXPECT_EQ(sink.post(route).response.status, 200U) << route;
}

TEST_F(engine_test, vllm_answers_500_when_a_worker_raises) {
  const running_sink sink{options(engine_kind::vllm)};
  hand_pusher pusher;
  auto answer = start_vllm_update(sink, {&pusher});
  EXPECT_EQ(pusher.ask(handle()), "");
  pusher.send(io::pickle_abort("enough"));
  const auto result = answer.get();
  EXPECT_EQ(result.response.status, 500U);
  EXPECT_THAT(result.response.body, HasSubstr("enough"));
  hand_pusher second;
  EXPECT_EQ(start_vllm_update(sink, {&pusher, &second}).get().response.status, 500U);
  for (const auto* body :
       {"{}", R"({"method": "sleep", "args": [{}]})", R"({"method": "update_weights_from_ipc"})",
        R"({"method": "update_weights_from_ipc", "args": [], "timeout": 1.0})"})
    EXPECT_EQ(sink.post("/collective_rpc", body).response.status, 400U) << body;
}

// LMDeploy.

TEST_F(engine_test, lmdeploy_takes_weights_only_while_it_sleeps_without_its_cache) {
  auto wanted = options(engine_kind::lmdeploy);
  wanted.starts_asleep = true;
  const running_sink sink{wanted};
  const auto state = [&] { return boost::json::parse(sink.get(update_route).response.body).get_object(); };
  EXPECT_EQ(state().at("ready"), false);
  EXPECT_EQ(state().at("is_sleeping"), true);
  hand_pusher pusher;
  EXPECT_EQ(sink.start_update({&pusher}).get().response.status, 400U);
  EXPECT_EQ(sink.post("/wakeup?tags=weights").response.status, 200U);
  EXPECT_EQ(state().at("ready"), true);
  EXPECT_EQ(update(sink).response.status, 200U);
  EXPECT_EQ(sink.post("/wakeup?tags=kv_cache").response.status, 200U);
  EXPECT_EQ(state().at("ready"), false); // It serves now.
  EXPECT_EQ(state().at("is_sleeping"), false);
  EXPECT_EQ(sink.post("/sleep?level=2").response.status, 200U);
  EXPECT_EQ(state().at("sleeping_tags"), (boost::json::array{"kv_cache", "weights"}));
}

TEST_F(engine_test, lmdeploy_is_ready_after_an_empty_start) {
  const running_sink sink{options(engine_kind::lmdeploy)};
  EXPECT_THAT(sink.get(update_route).response.body, HasSubstr(R"("ready":true)"));
  EXPECT_EQ(update(sink).response.status, 200U);
}

// Sockets.

TEST_F(engine_test, replaces_the_socket_file_of_a_dead_process_and_no_other) {
  auto wanted = sglang();
  wanted.unix_socket_path = source_.directory().path() / "http.sock";
  {
    // A socket file whose owner is gone.
    const io::fd dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    wanted.unix_socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  {
    const running_sink sink{wanted};
    EXPECT_EQ(sink.get("/ping").response.status, 200U);
    EXPECT_THROW((running_sink{wanted}), std::runtime_error);
    EXPECT_EQ(sink.get("/ping").response.status, 200U);
  }
  EXPECT_FALSE(std::filesystem::exists(wanted.unix_socket_path));
  wanted.unix_socket_path = source_.path();
  EXPECT_THROW((running_sink{wanted}), std::runtime_error);
  EXPECT_TRUE(std::filesystem::exists(source_.path()));
}

// The number of updates, and the report.

TEST_F(engine_test, ends_after_the_updates_it_waits_for_and_reports_them) {
  auto wanted = sglang();
  wanted.updates = 2;
  wanted.report_path = source_.directory().path() / "report.json";
  running_sink sink{wanted};
  EXPECT_EQ(update(sink, "v1").response.status, 200U);
  EXPECT_EQ(update(sink, "v2").response.status, 200U);
  EXPECT_EQ(sink.wait(), 0);
  std::ifstream file{wanted.report_path};
  std::stringstream text;
  text << file.rdbuf();
  const auto updates = boost::json::parse(text.str()).at("updates").get_array();
  ASSERT_EQ(updates.size(), 2U);
  EXPECT_EQ(updates[1].at("weight_version"), "v2");
  EXPECT_EQ(updates[1].at("verified"), true);
  EXPECT_EQ(updates[1].at("tensors"), 5);
  EXPECT_EQ(updates[1].at("bytes"), 51);
  EXPECT_EQ(updates[1].at("error"), "");
}

TEST_F(engine_test, ends_with_an_error_after_a_failed_update) {
  auto wanted = sglang({"http-status:400"});
  wanted.updates = 2;
  running_sink sink{wanted};
  hand_pusher pusher;
  EXPECT_EQ(sink.start_update({&pusher}).get().response.status, 400U);
  EXPECT_EQ(sink.wait(), 1);
}

} // namespace
} // namespace ckpt::apps::sink
