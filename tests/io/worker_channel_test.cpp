// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The pusher's end of the weight channel against a plain REP socket, which is what a worker has.

#include "io/worker_channel.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.hpp>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using event = worker_channel::event;

class worker_channel_test : public testing::Test {
protected:
  /// A name that no other test on this machine has.
  std::string uuid_ = "GPU-test-" + std::to_string(::getpid()) + "-"
                      + testing::UnitTest::GetInstance()->current_test_info()->name();
  worker_channel channel_{uuid_, 3};

  struct worker {
    zmq::context_t context{1};
    zmq::socket_t socket{context, zmq::socket_type::rep};

    explicit worker(const std::string& address) {
      socket.set(zmq::sockopt::linger, 0);
      socket.set(zmq::sockopt::rcvtimeo, 5000);
      socket.connect(address);
    }
    std::string receive() {
      zmq::message_t message;
      return socket.recv(message) ? message.to_string() : "(nothing came)";
    }
    void reply(const std::string& text) { socket.send(zmq::buffer(text), zmq::send_flags::none); }
  };

  /// The next event that is not `none`, or `none` after five seconds.
  event next_event() {
    for (int turn = 0; turn < 500; ++turn)
      if (const auto seen = channel_.wait(10ms); seen != event::none)
        return seen;
    return event::none;
  }
};

TEST_F(worker_channel_test, keeps_a_message_until_the_worker_connects) {
  channel_.send("handle");
  EXPECT_EQ(channel_.wait(20ms), event::none);
  EXPECT_FALSE(channel_.all_sent());
  EXPECT_FALSE(channel_.peer_seen());
  worker peer{channel_.address()};
  while (!channel_.all_sent())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  EXPECT_EQ(peer.receive(), "handle");
}

TEST_F(worker_channel_test, passes_on_agreement_and_error_text) {
  worker peer{channel_.address()};
  channel_.send("one");
  while (!channel_.all_sent())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  ASSERT_EQ(peer.receive(), "one");
  peer.reply("");
  ASSERT_EQ(next_event(), event::reply);
  EXPECT_EQ(channel_.last_reply(), "");
  channel_.send("two");
  ASSERT_EQ(peer.receive(), "two");
  peer.reply("Traceback …");
  ASSERT_EQ(next_event(), event::reply);
  EXPECT_EQ(channel_.last_reply(), "Traceback …");
  EXPECT_TRUE(channel_.peer_seen());
}

TEST_F(worker_channel_test, sends_an_abort_while_a_reply_is_missing) {
  worker peer{channel_.address()};
  channel_.send("list");
  while (!channel_.all_sent())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  channel_.send("abort");
  ASSERT_EQ(peer.receive(), "list");
  peer.reply("");
  EXPECT_EQ(peer.receive(), "abort");
}

TEST_F(worker_channel_test, notices_that_the_worker_is_gone) {
  auto peer = std::make_unique<worker>(channel_.address());
  channel_.send("list");
  while (!channel_.peer_seen())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  peer.reset();
  EXPECT_EQ(next_event(), event::peer_lost);
}

TEST_F(worker_channel_test, notices_a_second_process_on_the_channel) {
  worker peer{channel_.address()};
  while (!channel_.peer_seen())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  worker intruder{channel_.address()};
  EXPECT_EQ(next_event(), event::second_peer);
}

TEST_F(worker_channel_test, an_address_serves_one_pusher_at_a_time) {
  try {
    const worker_channel second{uuid_, 3};
    FAIL() << "the address was given out twice";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
  }
}

} // namespace
} // namespace ckpt::io
