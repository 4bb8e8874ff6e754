// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/fabric.hpp"

#include "gpu/guarded_copy.hpp"
#include "tests/support/fabric_host.hpp"

#include <array>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using tests::loopback_options;

/// Drives both until `count` transfers of `one` ended, or nobody would wait any longer.
std::vector<fabric_transfer*> drive(fabric& one, fabric& other, std::size_t count) {
  std::vector<fabric_transfer*> ended;
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (ended.size() < count && std::chrono::steady_clock::now() < deadline) {
    one.progress();
    other.progress();
    const auto more = one.take_completed();
    ended.insert(ended.end(), more.begin(), more.end());
  }
  return ended;
}

TEST(fabric, a_message_comes_to_where_exactly_its_tag_is_waited_for) {
  fabric receiver{loopback_options()}, sender{loopback_options()};
  fabric_endpoint to_receiver{sender, receiver.address()};
  std::array<std::byte, 100> wrong{}, right{}, source{};
  source.fill(std::byte{5});
  fabric_transfer never, received, sent;
  receiver.receive(wrong, 0x1234'0000'0000'0001, never);
  receiver.receive(right, 0x1234'0000'0000'0002, received);
  to_receiver.send(source, 0x1234'0000'0000'0002, sent);
  const auto ended = drive(receiver, sender, 1);
  ASSERT_EQ(ended, std::vector{&received});
  EXPECT_EQ(received.failure, nullptr);
  EXPECT_EQ(right, source);
  EXPECT_EQ(wrong[0], std::byte{});
  receiver.cancel(never);
  EXPECT_EQ(receiver.take_completed(), std::vector{&never});
  EXPECT_STREQ(never.failure, "Request canceled");
}

TEST(fabric, a_message_of_another_length_is_a_failure) {
  fabric receiver{loopback_options()}, sender{loopback_options()};
  fabric_endpoint to_receiver{sender, receiver.address()};
  std::array<std::byte, 100> target{}, source{};
  for (const std::size_t length : {99u, 100u}) {
    fabric_transfer received, sent;
    receiver.receive(std::span{target}.first(199 - length), 7, received);
    to_receiver.send(std::span{source}.first(length), 7, sent);
    ASSERT_EQ(drive(receiver, sender, 1).size(), 1u);
    EXPECT_STREQ(received.failure, "Message truncated");
    drive(sender, receiver, 1);
  }
}

TEST(fabric, a_wait_ends_when_somebody_wakes_it) {
  fabric idle{loopback_options()};
  while (idle.progress()) {
  }
  std::jthread waker{[&] { idle.wake(); }};
  idle.wait(60s); // The test's own deadline is shorter.
}

TEST(fabric, a_wait_for_two_ends_when_either_has_something_to_do) {
  fabric one{loopback_options()}, other{loopback_options()};
  for (auto* woken : {&one, &other}) {
    while (one.progress() || other.progress()) {
    }
    std::jthread waker{[&] { woken->wake(); }};
    one.wait(10min, &other); // The test's own deadline is shorter.
  }
}

TEST(fabric, says_which_call_failed_for_a_device_that_is_not_there) {
  auto options = loopback_options();
  options.network_devices = "nosuch0";
  try {
    const fabric opened{options};
    FAIL() << "a device that does not exist was opened";
  } catch (const fabric_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("ucp_"));
    EXPECT_THAT(error.what(), testing::HasSubstr("No such device"));
  }
}

/// UCX has handlers of its own for such signals.
TEST(fabric, leaves_it_to_us_what_becomes_of_a_truncated_file) {
  install_fault_guard();
  const fabric opened{loopback_options()};
  const int file = ::memfd_create("source", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(file, 8192), 0);
  auto* mapped = static_cast<std::byte*>(::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file, 0));
  ASSERT_EQ(::ftruncate(file, 4096), 0);
  std::array<std::byte, 8192> target{};
  EXPECT_FALSE(guarded_copy(target.data(), mapped, 8192));
  install_fault_guard();
  EXPECT_FALSE(guarded_copy(target.data(), mapped, 8192));
  ::munmap(mapped, 8192);
  ::close(file);
}

} // namespace
} // namespace ckpt::gpu
