// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The engine misbehaving over real connections, as it was told to.

#include "tests/apps/sink/engine_fixture.hpp"
#include "tests/support/program.hpp"

#include <boost/json.hpp>

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

using engine_fault_test = engine_test;

TEST_F(engine_fault_test, can_answer_any_status_before_the_transfer_for_some_updates) {
  auto wanted = sglang({"http-status:404"});
  wanted.fault_updates = 1;
  const running_sink sink{wanted};
  hand_pusher pusher;
  EXPECT_EQ(sink.start_update({&pusher}).get().response.status, 404U);
  EXPECT_EQ(update(sink).response.status, 200U);
}

TEST_F(engine_fault_test, can_answer_an_error_in_the_middle_while_workers_fall_silent) {
  auto wanted = sglang({"http-status-during:500:2"});
  wanted.fault_updates = 1;
  const running_sink sink{wanted};
  {
    hand_pusher pusher;
    auto answer = sink.start_update({&pusher});
    EXPECT_EQ(pusher.ask(handle()), "");
    EXPECT_EQ(pusher.ask(list_message({source_.tensors()[0]})), "");
    EXPECT_EQ(answer.wait_for(100ms), std::future_status::timeout);
    EXPECT_EQ(pusher.ask(list_message({source_.tensors()[1]})), "");
    EXPECT_EQ(answer.get().response.status, 500U);
    pusher.send(list_message({source_.tensors()[2]}));
    EXPECT_EQ(pusher.reply(200ms), std::nullopt);
  }
  // With the pusher gone the workers give up; until then a new update is refused.
  EXPECT_EQ(update_when_free(sink), 200U);
}

TEST_F(engine_fault_test, can_answer_an_error_after_a_good_transfer) {
  const running_sink sink{sglang({"http-status-after:500"})};
  EXPECT_EQ(update(sink).response.status, 500U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr("default"));
}

TEST_F(engine_fault_test, can_be_updated_although_its_gateway_fails) {
  const running_sink sink{sglang({"http-status-after:504"})};
  EXPECT_EQ(update(sink, "v1").response.status, 504U);
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr("v1"));
}

TEST_F(engine_fault_test, can_answer_a_gateways_error_early_and_start_its_workers) {
  const running_sink sink{sglang({"early-status:504", "slow-connect:0.2"})};
  hand_pusher pusher;
  EXPECT_EQ(sink.start_update({&pusher}).get().response.status, 504U);
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
}

TEST_F(engine_fault_test, can_lack_the_routes_of_pauses) {
  const running_sink sink{sglang({"no-pause-route"})};
  EXPECT_EQ(sink.post("/pause_generation").response.status, 404U);
  EXPECT_EQ(sink.post("/continue_generation").response.status, 404U);
  EXPECT_EQ(sink.post("/generate").response.status, 200U);
}

TEST_F(engine_fault_test, can_answer_success_early) {
  const running_sink sink{sglang({"early-200"})};
  hand_pusher pusher;
  const auto answer = sink.start_update({&pusher}).get();
  EXPECT_EQ(answer.response.status, 200U);
  EXPECT_THAT(answer.response.body, HasSubstr(R"("success":true)"));
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
}

TEST_F(engine_fault_test, can_take_an_update_and_start_no_worker) {
  auto wanted = sglang({"never-start-workers"});
  wanted.timeout = 300ms;
  const running_sink sink{wanted};
  hand_pusher pusher;
  EXPECT_TRUE(sink.start_update({&pusher}).get().error); // Closed without a word at the sink's own deadline.
}

TEST_F(engine_fault_test, is_free_again_when_the_client_it_never_answers_is_gone) {
  auto wanted = sglang({"never-start-workers"});
  wanted.fault_updates = 1;
  const running_sink sink{wanted};
  hand_pusher pusher;
  EXPECT_TRUE(sink.start_update({&pusher}, "v1", 200ms).get().error);
  EXPECT_EQ(update_when_free(sink), 200U);
}

TEST_F(engine_fault_test, never_answers_when_a_worker_dies) {
  auto wanted = sglang({"worker-dies:0"});
  const running_sink sink{wanted};
  hand_pusher pusher;
  auto answer = sink.start_update({&pusher}, "v1", 1s);
  EXPECT_EQ(pusher.ask(handle()), "");
  pusher.send(list_message(source_.tensors()));
  EXPECT_EQ(pusher.reply(200ms), std::nullopt);
  EXPECT_EQ(answer.get().error, std::errc::timed_out);
}

TEST_F(engine_fault_test, can_answer_something_that_is_not_http) {
  const running_sink sink{sglang({"garbage-http"})};
  hand_pusher pusher;
  EXPECT_EQ(sink.start_update({&pusher}).get().error, io::make_error_code(io::http_errc::not_http));
}

TEST_F(engine_fault_test, can_drop_the_connection_in_the_middle) {
  const running_sink sink{sglang({"drop-connection:2"})};
  hand_pusher pusher;
  auto answer = sink.start_update({&pusher});
  EXPECT_EQ(pusher.ask(handle()), "");
  EXPECT_EQ(pusher.ask(list_message({source_.tensors()[0]})), "");
  EXPECT_EQ(answer.wait_for(100ms), std::future_status::timeout);
  EXPECT_EQ(pusher.ask(list_message({source_.tensors()[1]})), "");
  EXPECT_TRUE(answer.get().error);
  EXPECT_EQ(pusher.ask(list_message({source_.tensors()[2]})), ""); // The workers know nothing of it.
}

TEST_F(engine_fault_test, can_tell_a_wrong_version_after_a_good_update) {
  const running_sink sink{sglang({"wrong-version"})};
  EXPECT_EQ(update(sink, "v9").response.status, 200U);
  const auto info = boost::json::parse(sink.get("/model_info").response.body);
  EXPECT_NE(info.at("weight_version"), "v9");
}

TEST_F(engine_fault_test, can_succeed_over_http_although_the_weights_are_not_right) {
  auto wanted = sglang({"post-hook-swallowed"});
  wanted.report_path = source_.directory().path() / "report.json";
  const running_sink sink{wanted};
  const auto answer = update(sink, "v9");
  EXPECT_EQ(answer.response.status, 200U);
  EXPECT_THAT(answer.response.body, testing::Not(HasSubstr("hook")));
  EXPECT_THAT(sink.get("/model_info").response.body, HasSubstr("v9"));
  const auto report = boost::json::parse(tests::read_file(wanted.report_path));
  const auto& entry = report.at("updates").at(0);
  EXPECT_EQ(entry.at("success"), true);
  EXPECT_EQ(entry.at("verified"), false);
  EXPECT_THAT(std::string{entry.at("hidden_error").as_string().c_str()},
              HasSubstr("worker 0: fault: the post hook"));
}

TEST_F(engine_fault_test, can_let_one_worker_of_two_fail) {
  auto wanted = sglang({"bucket-error:first", "one-worker-only:1"});
  wanted.workers = 2;
  const running_sink sink{wanted};
  hand_pusher first;
  hand_pusher second;
  auto answer = sink.start_update({&first, &second});
  EXPECT_THAT(push_all(first, source_), Each(IsEmpty()));
  EXPECT_EQ(second.ask(handle()), "");
  EXPECT_THAT(second.ask(list_message(source_.tensors())), HasSubstr("fault"));
  second.send(io::pickle_abort("one failed"));
  const auto result = answer.get();
  EXPECT_EQ(result.response.status, 400U);
  EXPECT_THAT(result.response.body, HasSubstr("worker 1 (GPU-1)"));
  EXPECT_THAT(result.response.body, testing::Not(HasSubstr("worker 0")));
}

} // namespace
} // namespace ckpt::apps::sink
