// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// ckpt-actor-node whose output nobody reads: a pipe that is full, and stays so.

#include "io/fd.hpp"
#include "tests/apps/node/serving_fixture.hpp"

#include <array>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;

class unread_output_test : public serving_test {
protected:
  void SetUp() override {
    ASSERT_EQ(::mkfifo(pipe_.c_str(), 0600), 0);
    end_ = io::fd{::open(pipe_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    ASSERT_TRUE(end_);
    const std::array<char, 4096> filling{};
    while (::write(end_.number(), filling.data(), filling.size()) > 0) {
    }
  }

  std::unique_ptr<program> start_unread_node(const std::filesystem::path& checkpoint, const arguments& more) {
    auto flags = node_arguments_;
    flags.insert(flags.end(), {"--endpoint", endpoint_});
    flags.insert(flags.end(), more.begin(), more.end());
    return std::make_unique<program>(node_command(checkpoint, scratch_.path() / "report.json", flags), pipe_);
  }

  /// SIGTERM waits for the program to take it, which one that has ended never does.
  [[nodiscard]] static bool is_pending(const program& node) {
    const auto status = read_file("/proc/" + std::to_string(node.pid()) + "/status");
    const auto line = status.find("ShdPnd:");
    return line != std::string::npos && status.find("State:\tZ") == std::string::npos
           && (std::stoull(status.substr(line + 7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
  }

private:
  const std::filesystem::path pipe_ = scratch_.path() / "pipe";
  io::fd end_;
};

TEST_F(unread_output_test, does_not_hold_up_an_update) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(start_unread_node(checkpoint, {})->wait(patience), 0);
  EXPECT_EQ(report().at("outcome"), "updated");
}

TEST_F(unread_output_test, does_not_hold_up_an_end_by_signals) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint, "sglang", slow_engine);
  const auto request = running_generation(60);
  const auto node = start_unread_node(checkpoint, {"--timeout", "600", "--stay-time", "600"});
  EXPECT_TRUE(becomes_paused());
  for (int count = 0; count < 2; ++count) {
    node->send_signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return !is_pending(*node); }, patience)) << "two that wait count as one";
  }
  EXPECT_EQ(node->wait(patience), 1);
  EXPECT_EQ(report().at("cause").at("code"), "interrupted");
}

TEST_F(unread_output_test, does_not_hold_up_the_end_of_a_dry_run) {
  const auto checkpoint = make_checkpoint();
  endpoint_ = "http://127.0.0.1:1";
  const auto node = start_unread_node(checkpoint, {"--dry-run"});
  std::this_thread::sleep_for(500ms); // Till it has something to print.
  node->send_signal(SIGTERM);
  EXPECT_EQ(node->wait(patience), -SIGTERM);
}

} // namespace
} // namespace ckpt::tests
