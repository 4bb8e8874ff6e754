// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker.hpp"

#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"
#include "tests/apps/sink/python_pickles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace ckpt::apps::sink {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::hand_pusher;
using tests::list_message;
using tests::sample_checkpoint;
using namespace std::chrono_literals;

/// One worker on a thread of its own, and the pusher it talks to.
class worker_test : public testing::Test {
protected:
  /// Starts the worker; to be called once, after options and faults are set.
  void start(bool verify = true) {
    auto expected = verify ? std::make_shared<const expectation>(source_.path()) : nullptr;
    outcome_ = std::async(std::launch::async, [this, expected] {
      worker one{options_, faults_, consumer_, expected, signals_};
      return one.run(context_, "GPU-0", pusher_.address());
    });
  }

  std::string send_handle() {
    return pusher_.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes()));
  }

  /// Sends None twice and returns what became of the worker; the second one may stay without a reply.
  worker_outcome end() {
    EXPECT_EQ(pusher_.ask(io::pickle_none()), "");
    pusher_.send(io::pickle_none());
    return outcome_.get();
  }

  sample_checkpoint source_;
  hand_pusher pusher_;
  sink_options options_;
  fault_plan faults_;
  consumer consumer_{consumption::copy};
  update_signals signals_{.list_answered = [](std::uint64_t) {}};
  zmq::context_t context_{1};
  std::future<worker_outcome> outcome_;
};

TEST_F(worker_test, accepts_a_whole_checkpoint_and_verifies_it) {
  start();
  EXPECT_THAT(tests::push_all(pusher_, source_), Each(IsEmpty()));
  const auto outcome = outcome_.get();
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.lists, 5U);
  EXPECT_EQ(outcome.tensors, 5U);
  EXPECT_EQ(outcome.bytes, 51U);
  EXPECT_EQ(outcome.verified, true);
}

TEST_F(worker_test, says_nothing_about_verification_that_was_not_asked_for) {
  start(false);
  EXPECT_THAT(tests::push_all(pusher_, source_), Each(IsEmpty()));
  EXPECT_EQ(outcome_.get().verified, std::nullopt);
}

TEST_F(worker_test, answers_a_bad_handle_waits_for_one_message_and_raises) {
  start();
  EXPECT_THAT(pusher_.ask(io::pickle_file_handle("/nonexistent/buffer", 4096)),
              HasSubstr("/nonexistent/buffer"));
  pusher_.send("anything");
  EXPECT_THAT(outcome_.get().error, HasSubstr("/nonexistent/buffer"));
}

TEST_F(worker_test, refuses_buffers_that_are_not_files_of_that_size) {
  start();
  EXPECT_THAT(pusher_.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes() + 1)),
              HasSubstr("the handle says 1281"));
  pusher_.close();
  EXPECT_THAT(outcome_.get().error, HasSubstr("the handle says 1281"));
}

TEST_F(worker_test, refuses_directories_and_cuda_buffers_and_other_messages_as_handle) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {io::pickle_file_handle(source_.directory().path().string(), 1), "not a regular file"},
      {tests::from_hex(tests::python_cuda_handle), "CUDA"},
      {io::pickle_none(), "not a buffer handle"},
      {"garbage", "protocol number"}};
  for (const auto& [message, complaint] : cases) {
    hand_pusher pusher;
    auto outcome = std::async(std::launch::async, [&, address = pusher.address()] {
      return worker{options_, faults_, consumer_, nullptr, signals_}.run(context_, "GPU-0", address);
    });
    EXPECT_THAT(pusher.ask(message), HasSubstr(complaint));
    pusher.close();
    EXPECT_THAT(outcome.get().error, HasSubstr(complaint));
  }
}

TEST_F(worker_test, refuses_tensors_it_cannot_view_and_stays_in_the_conversation) {
  start(false);
  EXPECT_EQ(send_handle(), "");
  EXPECT_THAT(pusher_.ask(list_message({{"x", "float32", {1}, {}, 2}})), HasSubstr("not a multiple of 4"));
  EXPECT_THAT(pusher_.ask(list_message({{"x", "float32", {1}, {}, 1280}})), HasSubstr("end of the buffer"));
  EXPECT_THAT(pusher_.ask(list_message({{"x", "float32", {321}, {}, 0}})), HasSubstr("end of the buffer"));
  EXPECT_THAT(pusher_.ask(list_message({{"x", "float32", {1ULL << 62, 4}, {}, 0}})), HasSubstr("64 bits"));
  EXPECT_THAT(pusher_.ask(list_message({{"x", "float33", {1}, {}, 0}})), HasSubstr("torch.float33"));
  EXPECT_EQ(pusher_.ask(list_message({{"x", "float32", {320}, {}, 0}})), "");
  EXPECT_EQ(pusher_.ask(list_message({{"x", "int64", {0, 5}, {}, 1280}})), "");
  EXPECT_THAT(end().error, HasSubstr("went on after a list had been refused: tensor \"x\": its offset 2"));
}

TEST_F(worker_test, raises_without_a_reply_when_the_pusher_aborts) {
  start();
  EXPECT_EQ(send_handle(), "");
  pusher_.send(tests::from_hex(tests::python_error));
  EXPECT_THAT(outcome_.get().error, HasSubstr("RuntimeError: rank 3 failed"));
  EXPECT_EQ(pusher_.reply(200ms), std::nullopt);
}

TEST_F(worker_test, raises_on_messages_out_of_turn) {
  start();
  EXPECT_EQ(send_handle(), "");
  pusher_.send(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes()));
  EXPECT_THAT(outcome_.get().error, HasSubstr("second buffer handle"));
}

TEST_F(worker_test, takes_only_none_after_the_buffer_is_released) {
  start();
  EXPECT_EQ(send_handle(), "");
  EXPECT_EQ(pusher_.ask(io::pickle_none()), "");
  pusher_.send(list_message(source_.tensors()));
  EXPECT_THAT(outcome_.get().error, HasSubstr("after the buffer had been released"));
}

TEST_F(worker_test, ends_when_the_pusher_is_gone) {
  start();
  EXPECT_EQ(send_handle(), "");
  pusher_.close();
  EXPECT_THAT(outcome_.get().error, HasSubstr("closed the weight channel"));
}

TEST_F(worker_test, ends_at_the_deadline_when_nobody_speaks) {
  options_.timeout = 50ms;
  start();
  EXPECT_THAT(outcome_.get().error, HasSubstr("sent nothing for 50 ms"));
}

TEST_F(worker_test, ends_when_the_sink_ends) {
  start();
  EXPECT_EQ(send_handle(), "");
  signals_.stop = true;
  EXPECT_THAT(outcome_.get().error, HasSubstr("the sink ends"));
}

// Verification.

TEST_F(worker_test, notices_a_flipped_bit) {
  start();
  EXPECT_EQ(send_handle(), "");
  {
    std::fstream file{source_.directory().path() / "buffer", std::ios::in | std::ios::out | std::ios::binary};
    const auto& last = source_.tensors().back();
    file.seekp(static_cast<std::streamoff>(last.offset + 9));
    file.put(static_cast<char>(last.bytes[9] ^ 0x40));
  }
  EXPECT_EQ(pusher_.ask(list_message(source_.tensors())), "");
  const auto outcome = end();
  EXPECT_THAT(outcome.error, HasSubstr("tensor \"e.weight\" differs from "));
  EXPECT_THAT(outcome.error, HasSubstr("at its byte 9"));
  EXPECT_EQ(outcome.verified, false);
}

TEST_F(worker_test, notices_a_missing_tensor) {
  start();
  EXPECT_EQ(send_handle(), "");
  auto tensors = source_.tensors();
  tensors.erase(tensors.begin() + 3); // The one without a single byte.
  EXPECT_EQ(pusher_.ask(list_message(tensors)), "");
  EXPECT_THAT(end().error, HasSubstr("\"d.empty\" never came"));
}

TEST_F(worker_test, notices_a_tensor_that_comes_twice) {
  start();
  EXPECT_EQ(send_handle(), "");
  EXPECT_EQ(pusher_.ask(list_message(source_.tensors())), "");
  EXPECT_EQ(pusher_.ask(list_message({source_.tensors()[1]})), "");
  EXPECT_THAT(end().error, HasSubstr("\"b.weight\" came twice"));
}

TEST_F(worker_test, notices_wrong_shapes_dtypes_and_names) {
  start();
  EXPECT_EQ(send_handle(), "");
  auto tensors = source_.tensors();
  tensors[0].shape = {3, 2};
  tensors[1].torch_dtype = "float16";
  tensors[4].name = "f.weight";
  EXPECT_EQ(pusher_.ask(list_message(tensors)), "");
  const auto error = end().error;
  EXPECT_THAT(error, HasSubstr("\"a.weight\" came with shape [3, 2] instead of [2, 3]"));
  EXPECT_THAT(error, HasSubstr("\"b.weight\" came as float16 instead of bfloat16"));
  EXPECT_THAT(error, HasSubstr("\"f.weight\" is not in the checkpoint"));
  EXPECT_THAT(error, HasSubstr("\"e.weight\" never came"));
}

TEST_F(worker_test, counts_the_complaints_it_does_not_list) {
  start();
  EXPECT_EQ(send_handle(), "");
  for (int index = 0; index < 8; ++index)
    EXPECT_EQ(pusher_.ask(list_message({{"x" + std::to_string(index), "uint8", {1}, {}, 0}})), "");
  EXPECT_THAT(end().error, HasSubstr("and 8 more"));
}

// Faults.

TEST_F(worker_test, can_refuse_the_handle) {
  faults_ = parse_faults(std::vector<std::string>{"handle-error"});
  start();
  EXPECT_THAT(send_handle(), HasSubstr("fault"));
  pusher_.send("acknowledged");
  EXPECT_THAT(outcome_.get().error, HasSubstr("fault"));
}

TEST_F(worker_test, can_refuse_the_first_middle_last_or_any_list) {
  // Five tensors in five lists: the third is the first with which more than half have come.
  for (const auto& [fault, refused] :
       std::vector<std::pair<std::string, std::size_t>>{{"first", 0}, {"middle", 2}, {"last", 4}, {"3", 3}}) {
    SCOPED_TRACE(fault);
    const auto faults = parse_faults(std::vector<std::string>{"bucket-error:" + fault});
    hand_pusher pusher;
    auto outcome = std::async(std::launch::async, [&, address = pusher.address()] {
      const auto expected = std::make_shared<const expectation>(source_.path());
      return worker{options_, faults, consumer_, expected, signals_}.run(context_, "GPU-0", address);
    });
    EXPECT_EQ(pusher.ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
    for (std::size_t index = 0; index <= refused; ++index)
      EXPECT_EQ(pusher.ask(list_message({source_.tensors()[index]})).empty(), index != refused) << index;
    pusher.send(io::pickle_abort("a bucket failed"));
    EXPECT_THAT(outcome.get().error, HasSubstr("a bucket failed"));
  }
}

TEST_F(worker_test, can_raise_in_the_post_hook_without_a_reply) {
  faults_.finish_raises = true;
  start();
  EXPECT_EQ(send_handle(), "");
  EXPECT_EQ(pusher_.ask(list_message(source_.tensors())), "");
  EXPECT_THAT(end().error, HasSubstr("post hook raises"));
  EXPECT_EQ(pusher_.reply(200ms), std::nullopt);
}

TEST_F(worker_test, can_keep_the_failure_of_its_post_hook_to_itself) {
  faults_.hook_failure_swallowed = true;
  start();
  EXPECT_THAT(tests::push_all(pusher_, source_), Each(IsEmpty()));
  const auto outcome = outcome_.get();
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.hidden_error, HasSubstr("post hook failed"));
}

TEST_F(worker_test, can_connect_late) {
  faults_.connect_delay = 200ms;
  start();
  EXPECT_THAT(tests::push_all(pusher_, source_), Each(IsEmpty()));
  EXPECT_EQ(outcome_.get().error, "");
}

TEST_F(worker_test, can_take_its_time_to_connect_until_the_sink_ends) {
  faults_.connect_delay = 1h;
  start();
  EXPECT_EQ(outcome_.wait_for(200ms), std::future_status::timeout);
  EXPECT_FALSE(pusher_.connected());
  signals_.stop = true;
  EXPECT_THAT(outcome_.get().error, HasSubstr("the sink ends"));
}

TEST_F(worker_test, can_never_connect) {
  faults_.hang_at = moment{moment::at::connect};
  options_.timeout = 200ms;
  start();
  EXPECT_THAT(outcome_.get().error, HasSubstr("hangs"));
  EXPECT_FALSE(pusher_.connected());
}

TEST_F(worker_test, can_hang_until_the_pusher_gives_up) {
  faults_.hang_at = moment{moment::at::list, 1};
  start();
  EXPECT_EQ(send_handle(), "");
  EXPECT_EQ(pusher_.ask(list_message({source_.tensors()[0]})), "");
  pusher_.send(list_message({source_.tensors()[1]}));
  EXPECT_EQ(pusher_.reply(200ms), std::nullopt);
  pusher_.close();
  EXPECT_THAT(outcome_.get().error, HasSubstr("hangs"));
}

TEST_F(worker_test, can_close_its_socket_in_the_middle) {
  faults_.close_at = moment{moment::at::release};
  start();
  EXPECT_EQ(send_handle(), "");
  pusher_.send(io::pickle_none());
  EXPECT_THAT(outcome_.get().error, HasSubstr("dies"));
  EXPECT_EQ(pusher_.reply(200ms), std::nullopt);
}

} // namespace
} // namespace ckpt::apps::sink
