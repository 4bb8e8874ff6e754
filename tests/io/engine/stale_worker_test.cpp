// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Workers as checkpoint-engine has them: they wait for the next message without a deadline.

#include "io/engine/stale_worker.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.hpp>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;
using state = stale_worker::state;

constexpr auto abort_text = "abort";

/// Takes whatever comes and agrees, until it is told to abort; `before_buffer` is a worker that waits for its
/// buffer and complains of the first abort. Returns the last message.
std::string work(const std::string& address, bool before_buffer) {
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::rep};
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(address);
  for (bool complains = before_buffer;; complains = false) {
    zmq::message_t message;
    static_cast<void>(socket.recv(message));
    const auto text = message.to_string();
    if (text == abort_text && !complains)
      return text;
    if (text == "end")
      return text;
    const std::string reply = complains && text == abort_text ? "a bad buffer" : "";
    socket.send(zmq::buffer(reply), zmq::send_flags::none);
  }
}

class stale_worker_test : public testing::TestWithParam<bool> {
protected:
  static state look_until_known(stale_worker& stale) {
    auto seen = state::looked_for;
    while ((seen = stale.look()) == state::looked_for)
      std::this_thread::sleep_for(5ms);
    return seen;
  }

  /// A whole exchange with a new worker.
  static void expect_usable(worker_channel& channel) {
    EXPECT_FALSE(channel.peer_seen());
    auto worker = std::async(std::launch::async, work, channel.address(), false);
    channel.send("list");
    while (channel.wait(10ms) != worker_channel::event::reply) {
    }
    EXPECT_EQ(channel.last_reply(), "");
    channel.send("end");
    while (channel.wait(10ms) != worker_channel::event::peer_lost) {
    }
    EXPECT_EQ(worker.get(), "end");
  }

  std::string uuid_ = "GPU-stale-" + std::to_string(::getpid());
};

TEST_P(stale_worker_test, is_told_to_give_up_and_makes_room_for_the_next) {
  auto killed = std::make_unique<worker_channel>(uuid_, 0);
  auto worker = std::async(std::launch::async, work, killed->address(), GetParam());
  while (!killed->peer_seen())
    ASSERT_EQ(killed->wait(10ms), worker_channel::event::none);
  killed.reset();
  worker_channel channel{uuid_, 0};
  stale_worker stale{channel, abort_text, 10s};
  EXPECT_EQ(look_until_known(stale), state::gone);
  EXPECT_EQ(worker.get(), abort_text);
  expect_usable(channel);
}

INSTANTIATE_TEST_SUITE_P(that_waits, stale_worker_test, testing::Bool(),
                         [](const auto& about) { return about.param ? "for_its_buffer" : "for_a_list"; });

class no_stale_worker_test : public stale_worker_test {};

TEST_F(no_stale_worker_test, is_soon_known_not_to_be_there) {
  worker_channel channel{uuid_, 0};
  stale_worker stale{channel, abort_text, 10s};
  EXPECT_EQ(look_until_known(stale), state::gone);
  expect_usable(channel);
}

TEST_F(no_stale_worker_test, that_does_not_go_is_known_to_stay) {
  worker_channel channel{uuid_, 0};
  zmq::context_t context{1};
  zmq::socket_t worker{context, zmq::socket_type::rep};
  worker.set(zmq::sockopt::linger, 0);
  worker.connect(channel.address());
  stale_worker stale{channel, abort_text, 300ms};
  EXPECT_EQ(look_until_known(stale), state::stays);
}

} // namespace
} // namespace ckpt::io
