// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Hosts that are lost, hosts that stand still, and strangers. That the destructors come back at all is part
// of every one of these tests.

#include "gpu/fabric/fabric_collective.hpp"

#include "tests/support/fabric_host.hpp"
#include "tests/support/fabric_strangers.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <random>
#include <system_error>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::broadcast_many;
using tests::caller;
using tests::connected_hosts;
using tests::fabric_host;
using tests::fabric_secret;
using tests::listening_ports;
using tests::loopback_options;
using tests::random_bytes;
using tests::wait_for;
using tests::wait_for_failure;

constexpr std::uint64_t slot_bytes = 4 << 20;
constexpr std::uint64_t slots = 4;
constexpr std::uint64_t ring_bytes = slots * slot_bytes;

/// Host 1 of two, in a process of its own, which broadcasts without end.
class other_process {
public:
  /// Before this process has threads. The child makes its host, sends its address, and waits for ours.
  other_process() {
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets_) != 0)
      throw std::system_error{errno, std::generic_category(), "socketpair"};
    child_ = ::fork();
    if (child_ < 0)
      throw std::system_error{errno, std::generic_category(), "fork"};
    if (child_ == 0)
      be_host_1();
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  ~other_process() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(sockets_[0]);
    ::close(sockets_[1]);
  }

  void signal(int number) const { ASSERT_EQ(::kill(child_, number), 0); }

  /// Comes back when it does nothing more.
  void stop() const {
    signal(SIGSTOP);
    ASSERT_EQ(::waitpid(child_, nullptr, WUNTRACED), child_);
  }

  void connect(fabric_host& host) const {
    send(0, host.address());
    const auto address = receive(0);
    host.collective().connect({0, 2, address, address, fabric_secret});
  }

private:
  [[noreturn]] void be_host_1() const {
    {
      fabric_host host{1, ring_bytes};
      send(1, host.address());
      const auto address = receive(1);
      host.collective().connect({1, 2, address, address, fabric_secret});
      broadcast_many(host.collective(), ~ticket{0}, slots, slot_bytes);
    }
    ::_exit(0);
  }

  void send(int end, const std::string& text) const {
    static_cast<void>(::send(sockets_[end], text.data(), text.size(), 0));
  }

  [[nodiscard]] std::string receive(int end) const {
    std::string text(64 << 10, '\0');
    text.resize(
        static_cast<std::size_t>(std::max<ssize_t>(::recv(sockets_[end], text.data(), text.size(), 0), 0)));
    return text;
  }

  int sockets_[2] = {-1, -1};
  pid_t child_ = -1;
};

TEST(fabric_failure, a_host_that_ends_in_the_middle_is_named_by_its_neighbours) {
  auto hosts = connected_hosts(3, 1, ring_bytes);
  for (const auto& host : hosts)
    host->collective().broadcast(0, 0, slot_bytes);
  for (const auto& host : hosts)
    ASSERT_EQ(wait_for(host->collective(), 1).completed, 1u);
  hosts[0]->collective().broadcast(0, slot_bytes, slot_bytes);
  hosts[1]->collective().broadcast(0, slot_bytes, slot_bytes); // Host 2 never allows it.
  hosts[1]->end_collective();
  EXPECT_THAT(wait_for_failure(hosts[0]->collective()), HasSubstr("host 1: "));
  EXPECT_THAT(wait_for_failure(hosts[2]->collective()), HasSubstr("host 1: "));
}

TEST(fabric_failure, a_process_that_is_killed_is_named_while_bytes_travel) {
  const other_process other;
  fabric_host host{1, ring_bytes};
  other.connect(host);
  ASSERT_FALSE(broadcast_many(host.collective(), 3 * slots, slots, slot_bytes).failure.has_value());
  other.signal(SIGKILL);
  EXPECT_THAT(wait_for_failure(host.collective()), HasSubstr("host 1: "));
}

TEST(fabric_failure, a_process_that_is_killed_is_named_while_nothing_travels) {
  const other_process other;
  fabric_host host{1, ring_bytes};
  other.connect(host);
  for (ticket next = 1; next <= slots; ++next)
    host.collective().broadcast(0, next % slots * slot_bytes, slot_bytes);
  ASSERT_EQ(wait_for(host.collective(), slots).completed, slots);
  other.signal(SIGKILL);
  EXPECT_THAT(wait_for_failure(host.collective()), HasSubstr("host 1: "));
}

TEST(fabric_failure, ends_beside_a_process_that_is_stopped_while_bytes_travel) {
  const other_process other;
  fabric_host host{1, ring_bytes};
  other.connect(host);
  ASSERT_FALSE(broadcast_many(host.collective(), 2 * slots, slots, slot_bytes).failure.has_value());
  other.stop();
  for (ticket next = 1; next <= slots; ++next) // Into slots that may be in use: nobody reads these bytes.
    host.collective().broadcast(0, next % slots * slot_bytes, slot_bytes);
  EXPECT_LT(host.collective().wait(2 * slots, 50ms).completed, 3 * slots);
}

TEST(fabric_failure, ends_beside_a_process_that_was_stopped_before_it_connected) {
  const other_process other;
  fabric_host host{1, ring_bytes};
  other.connect(host);
  other.stop();
  host.collective().broadcast(0, 0, slot_bytes);
  static_cast<void>(host.collective().wait(0, 50ms));
}

/// Somebody who found an address, and speaks UCX, but does not know the secret.
class stranger {
public:
  explicit stranger(const std::string& address) : fabric_{loopback_options()}, endpoint_{fabric_, address} {}

  void send_garbage(std::mt19937& random) {
    auto& [transfer, bytes] = *sent_.emplace_back(std::make_unique<letter>());
    bytes.assign(random() % 200'000, std::byte{0xee});
    // As if the secret were another one, or the tag a guess.
    const auto tag = random() % 2 == 0 ? message_tag("some other secret", 1 + random() % 40, random() % 64)
                                       : random() * 0x1'0000'0001ull;
    endpoint_.send(bytes, tag, transfer);
    for (int turn = 0; turn < 20; ++turn)
      fabric_.progress();
  }

private:
  struct letter {
    fabric_transfer transfer;
    std::vector<std::byte> bytes;
  };
  std::vector<std::unique_ptr<letter>> sent_;
  fabric fabric_;
  fabric_endpoint endpoint_;
};

TEST(fabric_failure, strangers_disturb_nothing) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  auto hosts = connected_hosts(2, 1, ring_bytes);
  const auto ports = listening_ports();
  ASSERT_EQ(ports.size(), 2u);
  std::ranges::fill(hosts[0]->ring(), std::byte{0x11});
  std::vector<std::unique_ptr<stranger>> strangers;
  for (const auto& host : hosts)
    strangers.push_back(std::make_unique<stranger>(host->address()));
  std::atomic<bool> is_over = false;
  std::jthread intruder{[&] {
    std::mt19937 random{seed};
    while (!is_over) {
      for (const auto& caller : strangers)
        caller->send_garbage(random);
      for (const auto port : ports)
        caller{port}.say(random_bytes(random, 5000));
    }
  }};
  constexpr ticket count = 30 * slots;
  std::jthread other{[&] { broadcast_many(hosts[1]->collective(), count, slots, slot_bytes); }};
  broadcast_many(hosts[0]->collective(), count, slots, slot_bytes);
  other.join();
  for (const auto& host : hosts)
    EXPECT_EQ(wait_for(host->collective(), count).completed, count);
  is_over = true;
  intruder.join();
  EXPECT_TRUE(
      std::ranges::all_of(hosts[1]->ring(), [](std::byte found) { return found == std::byte{0x11}; }));
}

/// One that is gone before UCX has answered makes it call abort().
TEST(fabric_failure, a_stranger_that_leaves_at_once_ends_no_process) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  auto hosts = connected_hosts(2, 1, ring_bytes);
  for (int turn = 0; turn < 30; ++turn) {
    stranger hasty{hosts[0]->address()};
    for (unsigned letter = random() % 5; letter > 0; --letter)
      hasty.send_garbage(random);
  }
  for (const auto& host : hosts)
    host->collective().broadcast(0, 0, slot_bytes);
  const auto progress = wait_for(hosts[0]->collective(), 1);
  EXPECT_TRUE(progress.completed == 1 || progress.failure.has_value()) << "neither done nor failed";
}

} // namespace
} // namespace ckpt::gpu
