// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Engines that, like real ones, are not stopped by clients and pushers that go away.

#include "tests/apps/sink/engine_fixture.hpp"
#include "tests/support/program.hpp"

#include <optional>

namespace ckpt::apps::sink {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::eventually;
using tests::hand_pusher;
using tests::list_message;
using tests::patience;
using tests::push_all;
using tests::running_sink;
using namespace std::chrono_literals;

class unforgiving_test : public engine_test {
protected:
  [[nodiscard]] sink_options unforgiving(const std::vector<std::string>& faults = {}) const {
    auto wanted = sglang(faults);
    wanted.unforgiving = true;
    return wanted;
  }

  static bool has_version(const running_sink& sink, const std::string& version) {
    return sink.get("/model_info").response.body.find('"' + version + '"') != std::string::npos;
  }
};

TEST_F(unforgiving_test, updates_queue_behind_the_one_under_way) {
  const running_sink sink{unforgiving()};
  hand_pusher first;
  auto answer = sink.start_update({&first}, "v1");
  EXPECT_EQ(first.ask(handle()), "");
  hand_pusher second;
  auto next = sink.start_update({&second}, "v2");
  EXPECT_EQ(next.wait_for(200ms), std::future_status::timeout);
  EXPECT_FALSE(second.connected());
  EXPECT_EQ(first.ask(list_message(source_.tensors())), "");
  EXPECT_EQ(first.ask(io::pickle_none()), "");
  EXPECT_EQ(first.ask(io::pickle_none()), "");
  EXPECT_EQ(answer.get().response.status, 200U);
  EXPECT_THAT(push_all(second, source_), Each(IsEmpty()));
  EXPECT_EQ(next.get().response.status, 200U);
}

TEST_F(unforgiving_test, a_queued_update_begins_although_its_client_has_hung_up) {
  const running_sink sink{unforgiving()};
  hand_pusher first;
  auto answer = sink.start_update({&first}, "v1");
  EXPECT_EQ(first.ask(handle()), "");
  hand_pusher second;
  EXPECT_TRUE(sink.start_update({&second}, "v2", 100ms).get().error);
  first.send(io::pickle_abort("no more"));
  EXPECT_EQ(answer.get().response.status, 400U);
  EXPECT_THAT(push_all(second, source_), Each(IsEmpty()));
  EXPECT_TRUE(eventually([&] { return has_version(sink, "v2"); }, patience));
}

TEST_F(unforgiving_test, an_update_under_way_outlives_its_client) {
  const running_sink sink{unforgiving()};
  hand_pusher pusher;
  EXPECT_TRUE(sink.start_update({&pusher}, "v1", 300ms).get().error);
  EXPECT_THAT(push_all(pusher, source_), Each(IsEmpty()));
  EXPECT_TRUE(eventually([&] { return has_version(sink, "v1"); }, patience));
}

TEST_F(unforgiving_test, a_worker_whose_pusher_is_gone_blocks_the_engine_until_somebody_tells_it_to_give_up) {
  const running_sink sink{unforgiving()};
  auto gone = std::make_optional<hand_pusher>();
  const auto address = gone->address();
  auto blocked = sink.start_update({&*gone}, "v1");
  EXPECT_EQ(gone->ask(handle()), "");
  gone.reset();
  hand_pusher fresh;
  auto next = sink.start_update({&fresh}, "v2");
  EXPECT_EQ(next.wait_for(300ms), std::future_status::timeout);
  EXPECT_FALSE(fresh.connected());
  EXPECT_EQ(sink.get("/ping").response.status, 200U); // Its server answers as ever.
  hand_pusher rescuer{address};
  rescuer.send(io::pickle_abort("give up"));
  EXPECT_THAT(blocked.get().response.body, HasSubstr("give up"));
  EXPECT_THAT(push_all(fresh, source_), Each(IsEmpty()));
  EXPECT_EQ(next.get().response.status, 200U);
}

TEST_F(unforgiving_test, a_worker_that_never_saw_a_message_can_be_told_to_give_up_too) {
  const running_sink sink{unforgiving()};
  auto gone = std::make_optional<hand_pusher>();
  const auto address = gone->address();
  auto blocked = sink.start_update({&*gone}, "v1");
  ASSERT_TRUE(eventually([&] { return gone->connected(); }, patience));
  gone.reset();
  hand_pusher rescuer{address};
  EXPECT_THAT(rescuer.ask(io::pickle_abort("give up")), HasSubstr("give up")); // It takes it for a handle.
  rescuer.send("acknowledged");
  EXPECT_EQ(blocked.get().response.status, 400U);
  EXPECT_EQ(update(sink).response.status, 200U);
}

TEST_F(unforgiving_test, an_update_that_is_never_answered_blocks_for_good) {
  auto wanted = unforgiving({"never-start-workers"});
  wanted.fault_updates = 1;
  wanted.timeout = 100ms;
  const running_sink sink{wanted};
  hand_pusher pusher;
  EXPECT_TRUE(sink.start_update({&pusher}, "v1", 200ms).get().error);
  hand_pusher other;
  EXPECT_EQ(sink.start_update({&other}, "v2", 300ms).get().error, std::errc::timed_out);
  EXPECT_FALSE(other.connected());
}

TEST_F(unforgiving_test, otherwise_a_queued_update_is_dropped_with_its_client) {
  const running_sink sink{sglang({"early-200"})};
  hand_pusher first;
  EXPECT_EQ(sink.start_update({&first}, "v1").get().response.status, 200U);
  EXPECT_EQ(first.ask(handle()), "");
  hand_pusher second;
  EXPECT_TRUE(sink.start_update({&second}, "v2", 100ms).get().error);
  EXPECT_EQ(first.ask(list_message(source_.tensors())), "");
  EXPECT_EQ(first.ask(io::pickle_none()), "");
  EXPECT_EQ(first.ask(io::pickle_none()), "");
  EXPECT_EQ(update(sink, "v3").response.status, 200U);
  EXPECT_FALSE(second.connected());
}

/// One worker on a thread of its own.
class unforgiving_worker_test : public testing::Test {
protected:
  unforgiving_worker_test() { options_.unforgiving = true; }

  [[nodiscard]] std::future<worker_outcome> start(const std::string& address) {
    return std::async(std::launch::async, [this, address] {
      worker one{options_, faults_, consumer_, nullptr, signals_};
      return one.run(context_, "GPU-0", address);
    });
  }

  tests::sample_checkpoint source_;
  sink_options options_;
  fault_plan faults_;
  consumer consumer_{consumption::none};
  update_signals signals_{.list_answered = [](std::uint64_t) {}};
  zmq::context_t context_{1};
};

TEST_F(unforgiving_worker_test, waits_for_ever_and_takes_whoever_binds_the_address_next_for_its_pusher) {
  options_.timeout = 1ms;
  auto gone = std::make_optional<hand_pusher>();
  const auto address = gone->address();
  auto outcome = start(address);
  EXPECT_EQ(gone->ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
  EXPECT_EQ(gone->ask(list_message({source_.tensors()[0]})), "");
  gone.reset();
  EXPECT_EQ(outcome.wait_for(300ms), std::future_status::timeout);
  hand_pusher next{address};
  EXPECT_EQ(next.ask(list_message({source_.tensors()[1]})), ""); // Its update goes on.
  next.send(io::pickle_abort("give up"));
  EXPECT_THAT(outcome.get().error, HasSubstr("give up"));
}

TEST_F(unforgiving_worker_test, ends_when_the_sink_ends) {
  for (const bool hangs : {false, true}) {
    faults_.hang_at = hangs ? std::optional{moment{moment::at::handle}} : std::nullopt;
    signals_.stop = false;
    hand_pusher pusher;
    auto outcome = start(pusher.address());
    pusher.send(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes()));
    EXPECT_EQ(pusher.reply(hangs ? 200ms : patience).has_value(), !hangs);
    pusher.close();
    EXPECT_EQ(outcome.wait_for(200ms), std::future_status::timeout);
    signals_.stop = true;
    EXPECT_NE(outcome.get().error, "");
  }
}

} // namespace
} // namespace ckpt::apps::sink
