// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Strangers at the data port who were told no address: whatever they say, in UCX's own words too, nothing
// changes for the hosts.

#include "gpu/fabric/fabric_collective.hpp"

#include "tests/support/fabric_host.hpp"
#include "tests/support/fabric_strangers.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::broadcast_many;
using tests::caller;
using tests::connect_hosts;
using tests::connected_hosts;
using tests::fabric_hosts;
using tests::listening_ports;
using tests::lone_hosts;
using tests::loopback_options;
using tests::open_files;
using tests::random_bytes;
using tests::ucx_garbage;
using tests::wait_for;

constexpr std::uint64_t slot_bytes = 1 << 20;
constexpr std::uint64_t slots = 4;
constexpr std::uint64_t ring_bytes = slots * slot_bytes;

/// Both hosts broadcast, one beside the other, and must get everything.
void expect_all_goes_well(fabric_hosts& hosts, ticket count) {
  std::jthread other{[&] { broadcast_many(hosts[1]->collective(), count, slots, slot_bytes); }};
  broadcast_many(hosts[0]->collective(), count, slots, slot_bytes);
  other.join();
  for (const auto& host : hosts) {
    const auto progress = wait_for(host->collective(), count);
    EXPECT_EQ(progress.completed, count);
    EXPECT_FALSE(progress.failure.has_value()) << progress.failure->what;
  }
}

class fabric_door_test : public testing::Test {
protected:
  /// One call to one of the ports, with more or less of what a stranger may say.
  void call(const std::vector<std::uint16_t>& ports) {
    const auto which = random_() % ports.size();
    const caller stranger{ports[which]};
    const auto bytes = random_() % 4 == 0 ? random_bytes(random_, 5000)
                                          : ucx_garbage(random_, ports[(which + 1) % ports.size()]);
    stranger.say(bytes.substr(0, random_() % 3 == 0 ? random_() % (bytes.size() + 1) : bytes.size()));
    if (random_() % 3 == 0)
      stranger.reset_at_the_end();
  }

  const unsigned seed_ = std::random_device{}();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
  std::mt19937 random_{seed_};
};

TEST_F(fabric_door_test, bytes_in_ucxs_own_words_disturb_no_host) {
  auto hosts = connected_hosts(2, 1, ring_bytes);
  const auto ports = listening_ports();
  ASSERT_EQ(ports.size(), 2u);
  std::atomic<bool> is_over = false;
  std::jthread intruder{[&] {
    while (!is_over)
      call(ports);
  }};
  expect_all_goes_well(hosts, 100 * slots);
  is_over = true;
}

TEST_F(fabric_door_test, strangers_who_come_before_the_neighbours_keep_nobody_out) {
  auto hosts = lone_hosts(2, 1, ring_bytes);
  const auto ports = listening_ports();
  ASSERT_EQ(ports.size(), 2u);
  std::vector<caller> silent;
  for (int turn = 0; turn < 200; ++turn) {
    call(ports);
    silent.emplace_back(ports[turn % 2]);
  }
  connect_hosts(hosts);
  expect_all_goes_well(hosts, 4 * slots);
}

TEST_F(fabric_door_test, whoever_cannot_show_the_key_is_turned_away_and_named_once) {
  std::mutex mutex;
  std::vector<std::string> reports;
  auto options = loopback_options();
  options.report_stranger = [&](const std::string& line) {
    const std::lock_guard lock{mutex};
    reports.push_back(line);
  };
  const fabric opened{options};
  const auto ports = listening_ports();
  ASSERT_EQ(ports.size(), 1u);
  const auto files = open_files();
  constexpr std::size_t count = 100;
  std::vector<caller> strangers;
  for (std::size_t next = 0; next < count; ++next)
    if (const auto& stranger = strangers.emplace_back(ports.front()); next % 10 != 0)
      stranger.say(next % 2 == 0 ? std::string(next % 16, 'x') + "x" : ucx_garbage(random_, ports.front()));
  for (const auto& stranger : strangers) // Every tenth says nothing.
    EXPECT_TRUE(stranger.is_turned_away());
  EXPECT_EQ(open_files(), files + count) << "something is kept of them";
  const std::lock_guard lock{mutex};
  EXPECT_THAT(reports, ElementsAre(HasSubstr("127.0.0.1 ")));
}

/// Somebody who found a host's port and speaks UCX, but was not told the key. A process of his own, because
/// his UCX may call abort() when it has tried often enough.
class speaker {
public:
  /// Before this process has threads. The child waits for hear(), and then writes letters of this length.
  explicit speaker(std::size_t letter_bytes) {
    if (::pipe2(pipe_, O_CLOEXEC) != 0)
      throw std::system_error{errno, std::generic_category(), "pipe2"};
    child_ = ::fork();
    if (child_ < 0)
      throw std::system_error{errno, std::generic_category(), "fork"};
    if (child_ == 0)
      speak(letter_bytes);
  }
  speaker(const speaker&) = delete;
  speaker& operator=(const speaker&) = delete;
  ~speaker() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }

  void hear(const std::string& address) const {
    ASSERT_EQ(::write(pipe_[1], address.data(), address.size()), static_cast<ssize_t>(address.size()));
  }

  /// Whether the connection ended before anybody would wait no longer.
  [[nodiscard]] bool was_turned_away() {
    int status = 0;
    ::waitpid(std::exchange(child_, -1), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

private:
  [[noreturn]] void speak(std::size_t letter_bytes) const {
    std::string address(64 << 10, '\0');
    address.resize(
        static_cast<std::size_t>(std::max<ssize_t>(::read(pipe_[0], address.data(), address.size()), 0)));
    address.at(0) = static_cast<char>(address.at(0) ^ 1); // Of the key.
    fabric intruder{loopback_options()};
    fabric_endpoint to_host{intruder, address};
    const std::vector<std::byte> bytes(letter_bytes);
    std::vector<fabric_transfer> letters(40);
    for (std::size_t tag = 0; tag < letters.size(); ++tag)
      to_host.send(bytes, tag, letters[tag]);
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (to_host.failure() == nullptr && !intruder.is_broken()
           && std::chrono::steady_clock::now() < deadline)
      intruder.progress();
    ::_exit(to_host.failure() != nullptr || intruder.is_broken() ? 0 : 1);
  }

  int pipe_[2] = {-1, -1};
  pid_t child_ = -1;
};

TEST_F(fabric_door_test, somebody_who_speaks_ucx_without_the_key_is_not_heard) {
  std::list<speaker> strangers;
  for (const std::size_t length : {0u, 1u, 100u, 8'000u, 200'000u})
    strangers.emplace_back(length);
  auto hosts = connected_hosts(2, 1, ring_bytes);
  for (const auto& stranger : strangers)
    stranger.hear(hosts[0]->address());
  for (auto& stranger : strangers)
    EXPECT_TRUE(stranger.was_turned_away());
  expect_all_goes_well(hosts, 20 * slots);
}

} // namespace
} // namespace ckpt::gpu
