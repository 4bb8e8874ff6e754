// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The pusher's end of the weight channel against a plain REP socket, which is what a worker has.

#include "io/engine/worker_channel.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/// A connection of somebody who writes what he likes.
class stranger {
public:
  explicit stranger(const std::string& address) : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    const auto name = address.substr(std::string_view{"ipc://@"}.size());
    name.copy(where.sun_path + 1, sizeof where.sun_path - 1);
    EXPECT_EQ(::connect(socket_.number(), reinterpret_cast<const sockaddr*>(&where),
                        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
              0);
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

private:
  fd socket_;
};

constexpr std::string_view greeting{"\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                                    64};
constexpr std::string_view ready{"\4\x19\5READY\x0bSocket-Type\0\0\0\3REP", 27};
constexpr std::string_view agreement{"\1\0\0\0", 4};

TEST_F(worker_channel_test, who_does_not_greet_disturbs_nobody) {
  const stranger silent{channel_.address()};
  const stranger loud{channel_.address()};
  loud.say("GET / HTTP/1.1\r\n\r\n");
  const stranger half{channel_.address()};
  half.say(greeting);
  EXPECT_EQ(channel_.wait(10ms), event::none);
  worker peer{channel_.address()};
  channel_.send("list");
  while (!channel_.all_sent() || !channel_.peer_seen())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  EXPECT_EQ(peer.receive(), "list");
  peer.reply("");
  EXPECT_EQ(next_event(), event::reply);
}

TEST_F(worker_channel_test, strangers_are_bounded_and_make_room_for_the_worker) {
  std::vector<std::unique_ptr<stranger>> crowd;
  for (int i = 0; i < 20; ++i)
    crowd.push_back(std::make_unique<stranger>(channel_.address()));
  worker peer{channel_.address()};
  channel_.send("list");
  const auto until = std::chrono::steady_clock::now() + 60s; // Each lot of strangers has five seconds.
  while (!channel_.peer_seen() && std::chrono::steady_clock::now() < until)
    ASSERT_EQ(channel_.wait(10ms), event::none);
  EXPECT_EQ(peer.receive(), "list");
}

TEST_F(worker_channel_test, replies_in_advance_are_no_agreement) {
  const stranger liar{channel_.address()};
  std::string replies{greeting};
  replies += ready;
  for (int i = 0; i < 24; ++i)
    replies += agreement;
  liar.say(replies);
  channel_.send("list");
  EXPECT_EQ(next_event(), event::babble);
  EXPECT_EQ(channel_.babble(), "said what it was not asked for");
}

TEST_F(worker_channel_test, a_reply_behind_the_one_that_was_missing_is_no_agreement) {
  const stranger liar{channel_.address()};
  liar.say(std::string{greeting} + std::string{ready});
  channel_.send("list");
  while (!channel_.peer_seen() || !channel_.all_sent())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  liar.say(agreement);
  ASSERT_EQ(next_event(), event::reply);
  liar.say(agreement);
  channel_.send("next list");
  EXPECT_EQ(next_event(), event::babble);
}

TEST_F(worker_channel_test, a_worker_that_sends_garbage_is_let_go) {
  const stranger liar{channel_.address()};
  liar.say(std::string{greeting} + std::string{ready});
  while (!channel_.peer_seen())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  liar.say("garbage");
  EXPECT_EQ(next_event(), event::babble);
  EXPECT_EQ(channel_.babble(), "sent a frame with unknown flags");
  EXPECT_EQ(next_event(), event::peer_lost);
}

TEST_F(worker_channel_test, a_second_worker_is_told_nothing_before_the_first_has_gone) {
  auto first = std::make_unique<worker>(channel_.address());
  while (!channel_.peer_seen())
    ASSERT_EQ(channel_.wait(10ms), event::none);
  worker second{channel_.address()};
  ASSERT_EQ(next_event(), event::second_peer);
  channel_.send("abort");
  ASSERT_TRUE(channel_.all_sent());
  EXPECT_EQ(first->receive(), "abort");
  first.reset();
  ASSERT_EQ(next_event(), event::peer_lost);
  channel_.forget_peer();
  EXPECT_TRUE(channel_.peer_seen());
  channel_.send("list");
  EXPECT_EQ(second.receive(), "list");
}

TEST_F(worker_channel_test, an_address_serves_one_pusher_at_a_time) {
  try {
    const worker_channel second{uuid_, 3};
    FAIL() << "the address was given out twice";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_NE(std::string{error.what()}.find("held by process " + std::to_string(::getpid())),
              std::string::npos);
  }
}

} // namespace
} // namespace ckpt::io
