// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Whatever strangers do to host 0's port, a sound host gets in, and they do not.

#include "actors/cluster/greeting.hpp"
#include "tests/actors/cluster/gate_fixture.hpp"
#include "tests/support/program.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;

/// The beginning of a TLS client's first message, of which the rest never comes.
constexpr std::string_view begun_handshake{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11};

/// Of a message of CAF's protocol with a payload of so many bytes.
[[nodiscard]] std::string header_of(std::uint32_t payload_bytes) {
  std::string header(32, '\0');
  for (int byte = 0; byte < 4; ++byte)
    header[4 + static_cast<std::size_t>(byte)] = static_cast<char>(payload_bytes >> (24 - 8 * byte));
  return header;
}

[[nodiscard]] std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
    count += entry.exists() ? 1 : 0;
  return count;
}

/// `more` descriptors beyond those that are open can be had while this lives.
class few_descriptors {
public:
  explicit few_descriptors(std::size_t more) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlim_t highest = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
      highest = std::max<rlim_t>(highest, std::stoul(entry.path().filename()));
    auto now = before_;
    now.rlim_cur = highest + 1 + more;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    // Whoever started this program may have left it open ones with gaps in between.
    for (io::fd filler{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; filler;
         filler = io::fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)})
      fillers_.push_back(std::move(filler));
    fillers_.resize(fillers_.size() - std::min(more, fillers_.size()));
  }
  few_descriptors(const few_descriptors&) = delete;
  few_descriptors& operator=(const few_descriptors&) = delete;
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
  rlimit before_{};
  std::vector<io::fd> fillers_;
};

[[nodiscard]] double processor_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

/// Does something again and again, on a thread, as long as it lives.
class flood {
public:
  explicit flood(std::function<void()> once)
      : thread_{[this, once = std::move(once)] {
          while (!is_over_) {
            once();
            ++count_;
          }
        }} {}
  ~flood() {
    is_over_ = true;
    thread_.join();
  }
  [[nodiscard]] unsigned count() const { return count_; }

private:
  std::atomic<bool> is_over_ = false;
  std::atomic<unsigned> count_ = 0;
  std::thread thread_;
};

class any_gate_test : public gate_test, public testing::WithParamInterface<bool> {
protected:
  void SetUp() override {
    if (GetParam())
      tls_ = authorities().ours();
  }
};

TEST_P(any_gate_test, carries_more_than_all_buffers_hold_both_ways_at_once) {
  open_gate();
  const auto line = come_in();
  ASSERT_NE(line, nullptr);
  const auto guest = next_guest();
  std::string bytes(20 << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 7919 >> 5);
  bytes.replace(0, 32, header_of(20 << 20));
  bytes.resize(32 + (20 << 20));
  std::thread inward{[&] { EXPECT_TRUE(write_all(*line, bytes)); }};
  std::thread outward{[&] { EXPECT_TRUE(write_all(guest, bytes)); }};
  std::thread at_host_0{[&] { EXPECT_TRUE(read_bytes(guest, bytes.size()) == bytes); }};
  EXPECT_TRUE(read_bytes(*line, bytes.size()) == bytes);
  for (auto* thread : {&inward, &outward, &at_host_0})
    thread->join();
}

TEST_P(any_gate_test, delivers_what_was_said_before_the_end_and_then_the_end) {
  open_gate();
  auto line = come_in();
  ASSERT_NE(line, nullptr);
  const auto guest = next_guest();
  EXPECT_TRUE(write_all(*line, "goodbye"));
  line->reset();
  EXPECT_EQ(read_bytes(guest, 100), "goodbye");
}

TEST_P(any_gate_test, tells_each_side_when_the_other_is_gone) {
  open_gate();
  const auto line = come_in();
  ASSERT_NE(line, nullptr);
  next_guest().reset();
  EXPECT_TRUE(is_ended(*line));
  const auto other = come_in();
  ASSERT_NE(other, nullptr);
  const auto guest = next_guest();
  callers_.clear(); // As when the process ends.
  EXPECT_TRUE(is_ended(guest));
}

TEST_P(any_gate_test, gives_400_silent_connections_a_bounded_share) {
  open_gate();
  std::vector<io::fd> strangers;
  const auto before = open_descriptors();
  for (int i = 0; i < 400; ++i)
    strangers.push_back(stranger());
  expect_sound_caller_gets_in();
  // The other side of those who are in, its socket pair, and the caller's.
  EXPECT_LE(open_descriptors(), before + strangers.size() + actors::gate_options{}.strangers_max + 40);
  gate_.reset(); // It does not wait for them.
}

TEST_P(any_gate_test, lets_a_caller_in_among_connections_that_close_at_once) {
  open_gate();
  const flood others{[&] { static_cast<void>(stranger()); }};
  EXPECT_TRUE(eventually([&] { return others.count() > 100; }));
  for (int i = 0; i < 5; ++i)
    expect_sound_caller_gets_in();
}

TEST_P(any_gate_test, lets_a_caller_in_among_silent_connections_of_another_address_without_end) {
  open_gate();
  std::vector<io::fd> kept(200);
  unsigned next = 0;
  const flood others{[&] { kept[next++ % kept.size()] = stranger({}, "127.0.0.2"); }};
  EXPECT_TRUE(eventually([&] { return others.count() > 300; }));
  for (int i = 0; i < 5; ++i)
    expect_sound_caller_gets_in();
}

TEST_P(any_gate_test, waits_quietly_while_there_are_no_descriptors) {
  open_gate();
  std::vector<io::fd> strangers(50);
  for (auto& one : strangers)
    one = make_socket();
  {
    const few_descriptors none{2};
    for (const auto& one : strangers)
      EXPECT_TRUE(connect(one, gate_->port())) << std::strerror(errno);
    // One that keeps asking uses all of every period; one that waits may be charged for a machine that stood still.
    double used = 0;
    const auto is_quiet = [&] {
      const auto before = processor_seconds();
      std::this_thread::sleep_for(500ms);
      used = processor_seconds() - before;
      return used < 0.1;
    };
    EXPECT_TRUE(eventually(is_quiet)) << used << " s of a processor in the last half second";
  }
  expect_sound_caller_gets_in();
}

TEST_P(any_gate_test, ends_connections_that_talk_nonsense) {
  open_gate();
  const std::string much(1 << 20, 'x');
  const std::string long_greeting = std::string{actors::greeting_line.substr(0, 20)} + much;
  for (const std::string_view words : {"x", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01zzzzzzzzzzzzzzzz"}) {
    const auto one = stranger(words);
    EXPECT_TRUE(is_ended(one)) << words;
  }
  for (const auto& words : {much, long_greeting}) {
    const auto one = make_socket();
    EXPECT_TRUE(connect(one, gate_->port()));
    static_cast<void>(write_all(one, words)); // It may be ended in the middle.
    EXPECT_TRUE(is_ended(one));
  }
  EXPECT_FALSE(is_guest_waiting());
  expect_sound_caller_gets_in();
}

TEST_P(any_gate_test, ends_connections_that_stop_in_the_middle) {
  actors::gate_options options;
  options.stranger_time_max = 400ms;
  open_gate(options);
  std::vector<io::fd> strangers;
  for (std::size_t i = 0; i < options.strangers_max; ++i)
    strangers.push_back(stranger(GetParam() ? begun_handshake : actors::greeting_line.substr(0, 9)));
  for (const auto& one : strangers)
    EXPECT_TRUE(is_ended(one));
  EXPECT_FALSE(is_guest_waiting());
  expect_sound_caller_gets_in();
}

TEST_P(any_gate_test, does_not_wait_for_connections_that_stop_in_the_middle) {
  actors::gate_options options;
  options.stranger_time_max = 10min;
  open_gate(options);
  std::vector<io::fd> strangers;
  for (int i = 0; i < 100; ++i)
    strangers.push_back(stranger(GetParam() ? begun_handshake : actors::greeting_line.substr(0, 9)));
  expect_sound_caller_gets_in();
  gate_.reset();
}

TEST_P(any_gate_test, lets_in_no_more_than_it_is_told_to) {
  actors::gate_options options;
  options.guests_max = 2;
  open_gate(options);
  auto first = come_in();
  const auto second = come_in();
  const auto guests = std::pair{next_guest(), next_guest()};
  const auto third = call_once(tls_, gate_->port());
  EXPECT_EQ(third.line, nullptr);
  EXPECT_FALSE(third.is_answered) << "there may be room later";
  EXPECT_FALSE(is_guest_waiting());
  first->reset();
  EXPECT_TRUE(is_ended(guests.first));
  EXPECT_TRUE(eventually([&] {
    const auto another = call_once(tls_, gate_->port());
    return is_guest_waiting();
  }));
}

TEST_P(any_gate_test, ends_whoever_announces_a_message_that_nobody_has_memory_for) {
  open_gate();
  const auto line = come_in();
  ASSERT_NE(line, nullptr);
  const auto guest = next_guest();
  EXPECT_TRUE(write_all(*line, header_of(0xffffffff)));
  EXPECT_EQ(read_bytes(guest, 1), "") << "CAF must not hear of it";
  EXPECT_TRUE(is_ended(*line));
  expect_sound_caller_gets_in();
}

TEST_P(any_gate_test, lets_nobody_in_once_it_is_closed) {
  open_gate();
  const auto before = stranger();
  const auto port = gate_->port();
  gate_->close();
  EXPECT_TRUE(is_ended(before));
  EXPECT_EQ(call_once(tls_, port).why, "Connection refused");
}

TEST_P(any_gate_test, once_it_is_closed_cuts_off_whoever_takes_nothing) {
  open_gate();
  const auto line = come_in();
  ASSERT_NE(line, nullptr);
  const auto guest = next_guest();
  std::thread writer{[&] {
    const std::string much(256 << 20, '\0'); // Messages without payload.
    EXPECT_FALSE(write_all(guest, much));
  }};
  gate_->close();
  writer.join();
}

INSTANTIATE_TEST_SUITE_P(of, any_gate_test, testing::Values(false, true),
                         [](const auto& one) { return std::string{one.param ? "tls" : "plain"}; });

TEST(greeting, is_understood_in_whole_lines_only) {
  using namespace actors;
  EXPECT_EQ(understand(greeting_line), said::greeting);
  EXPECT_EQ(understand(wants_tls_line), said::wants_tls);
  EXPECT_EQ(understand("ckpt-actor-node greets, 2\n"), said::other_version);
  EXPECT_EQ(understand("ckpt-actor-node greets, 2x"), said::something_else);
  for (std::size_t length = 0; length < line_bytes; ++length) {
    EXPECT_EQ(understand(greeting_line.substr(0, length)), said::something_else);
    EXPECT_TRUE(may_become_line(greeting_line.substr(0, length)));
    EXPECT_TRUE(may_become_line(wants_tls_line.substr(0, length)));
  }
  EXPECT_FALSE(may_become_line("HTTP"));
  EXPECT_FALSE(may_become_line("ckpt-actor-node greats"));
}

} // namespace
} // namespace ckpt::tests
