// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Workers that are processes of their own: as good as threads, and killed without the sink.

#include "apps/sink/worker_pipe.hpp"
#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"
#include "tests/apps/sink/sink_process.hpp"
#include "tests/support/program.hpp"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {
namespace {

using namespace apps::sink;
using testing::HasSubstr;
using testing::StartsWith;

TEST(worker_pipe, gives_back_what_was_written) {
  const auto order = std::get<worker_order>(read_line(write_line(worker_order{"GPU-1", "ipc://@x", true})));
  EXPECT_EQ(order.device, "GPU-1");
  EXPECT_EQ(order.address, "ipc://@x");
  EXPECT_TRUE(order.faulty);
  EXPECT_TRUE(std::holds_alternative<freeze_order>(read_line(write_line(freeze_order{}))));
  EXPECT_TRUE(std::holds_alternative<order_taken>(read_line(write_line(order_taken{}))));
  EXPECT_EQ(std::get<list_news>(read_line(write_line(list_news{7}))).lists, 7u);
  const worker_outcome said{"GPU-1", "two\nlines", "quiet", 1, 2, 3, 0.5, false};
  const auto heard = std::get<worker_outcome>(read_line(write_line(said)));
  EXPECT_EQ(heard.device, said.device);
  EXPECT_EQ(heard.error, said.error);
  EXPECT_EQ(heard.hidden_error, said.hidden_error);
  EXPECT_EQ(heard.lists, said.lists);
  EXPECT_EQ(heard.tensors, said.tensors);
  EXPECT_EQ(heard.bytes, said.bytes);
  EXPECT_EQ(heard.busy_seconds, said.busy_seconds);
  EXPECT_EQ(heard.verified, said.verified);
  EXPECT_FALSE(std::get<worker_outcome>(read_line(write_line(worker_outcome{}))).verified.has_value());
}

TEST(worker_pipe, refuses_what_makes_no_sense) {
  for (const auto* text : {"", "{}", "[]", "{\"lists\": -1}", "{\"outcome\": {}}", "{\"device\": 1}"})
    EXPECT_THROW(static_cast<void>(read_line(text)), std::runtime_error) << text;
}

/// False also for one that nobody has reaped yet.
bool is_running(pid_t process) {
  const auto status = read_file("/proc/" + std::to_string(process) + "/stat");
  const auto name_end = status.rfind(')');
  return name_end != std::string::npos && status.substr(name_end, 3) != ") Z";
}

class worker_process_test : public testing::Test {
protected:
  void start(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--worker-processes", "--verify", source_.path()});
    sink_.emplace(more);
    const auto line = sink_->read_line();
    ASSERT_THAT(line, StartsWith("ckpt-sink ready on "));
    url_ = line.substr(line.find("http"));
  }

  /// An update under way, whose worker has been started.
  std::unique_ptr<io::http_call> begin(const std::vector<hand_pusher*>& pushers) {
    auto call = std::make_unique<io::http_call>(io::parse_endpoint(url_, {}),
                                                io::http_request{io::http_request::verb::post,
                                                                 "/update_weights_from_ipc",
                                                                 update_body(pushers, "v1")},
                                                std::string{}, patience);
    while (!call->wait(std::chrono::milliseconds{10}) && !pushers.front()->connected()) {
    }
    return call;
  }

  static unsigned status_of(io::http_call& call) {
    EXPECT_TRUE(call.wait(patience));
    return call.error() ? 0 : call.response().status;
  }

  void expect_good_update() {
    hand_pusher first;
    const auto call = begin({&first});
    push_all(first, source_);
    EXPECT_EQ(status_of(*call), 200u) << call->response().body;
    EXPECT_THAT(sink_->read_line(), HasSubstr("verified bit for bit"));
  }

  sample_checkpoint source_;
  std::optional<sink_process> sink_;
  std::string url_;
};

TEST_F(worker_process_test, takes_one_update_after_the_other) {
  start();
  expect_good_update();
  const auto first = children_of(sink_->pid());
  expect_good_update();
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(children_of(sink_->pid()), first);
}

TEST_F(worker_process_test, may_be_killed_in_the_middle_and_is_there_again_for_the_next_update) {
  start();
  hand_pusher pusher;
  const auto call = begin({&pusher});
  EXPECT_EQ(pusher.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
  const auto workers = children_of(sink_->pid());
  ASSERT_EQ(workers.size(), 1u);
  ::kill(workers.front(), SIGKILL);
  EXPECT_EQ(status_of(*call), 400u);
  EXPECT_THAT(call->response().body, HasSubstr("the worker's process ended (signal 9)"));
  EXPECT_THAT(sink_->read_line(), HasSubstr("FAILED"));
  expect_good_update();
}

TEST_F(worker_process_test, may_be_killed_between_two_updates) {
  start();
  expect_good_update();
  ::kill(children_of(sink_->pid()).at(0), SIGKILL);
  expect_good_update();
}

TEST_F(worker_process_test, ends_with_the_sink_however_that_ends) {
  for (const int number : {SIGTERM, SIGKILL}) {
    SCOPED_TRACE(number);
    start();
    hand_pusher pusher;
    const auto call = begin({&pusher});
    EXPECT_EQ(pusher.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
    const auto worker = children_of(sink_->pid()).at(0);
    sink_->signal(number);
    sink_->wait();
    EXPECT_TRUE(eventually([&] { return !is_running(worker); }, patience));
  }
}

TEST_F(worker_process_test, dies_with_the_whole_sink_where_it_was_told_to_die) {
  start({"--fault", "die-at:handle"});
  hand_pusher pusher;
  const auto call = begin({&pusher});
  pusher.send(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes()));
  const auto status = sink_->wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

TEST_F(worker_process_test, misbehaves_only_as_often_as_it_was_told) {
  start({"--fault", "bucket-error:first", "--fault-updates", "1"});
  hand_pusher pusher;
  const auto call = begin({&pusher});
  EXPECT_EQ(pusher.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
  EXPECT_THAT(pusher.ask(list_message(source_.tensors())),
              HasSubstr("fault: the worker refuses this message"));
  pusher.send(io::pickle_abort("enough"));
  EXPECT_EQ(status_of(*call), 400u);
  static_cast<void>(sink_->read_line());
  expect_good_update();
}

TEST_F(worker_process_test, falls_silent_when_the_server_answers_in_the_middle) {
  start({"--fault", "http-status-during:503:1"});
  hand_pusher pusher;
  const auto call = begin({&pusher});
  EXPECT_EQ(pusher.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
  EXPECT_EQ(pusher.ask(list_message({source_.tensors().front()})), "");
  EXPECT_EQ(status_of(*call), 503u);
  pusher.send(list_message({source_.tensors().at(1)}));
  EXPECT_FALSE(pusher.reply(std::chrono::milliseconds{300}).has_value());
}

} // namespace
} // namespace ckpt::tests
