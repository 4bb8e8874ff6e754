// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of clusters rest on: hosts that are apart where it matters, and leave nothing behind.

#include "tests/support/virtual_hosts.hpp"

#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/update_programs.hpp"

#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class virtual_hosts_test : public testing::Test {
protected:
  void SetUp() override {
    if (const auto why_not = virtual_hosts::why_not(); !why_not.empty())
      GTEST_SKIP() << why_not;
  }

  /// Runs `arguments` to its end; what it printed is in output_.
  int run(const arguments& command) {
    program one{command, scratch_.path() / "log"};
    const auto status = one.wait(patience);
    output_ = one.output();
    return status.value_or(-1000);
  }

  /// Whether a TCP connection from `host` to `address` comes about.
  bool connects(const virtual_hosts& hosts, unsigned host, const std::string& address) {
    return run(hosts.command(host, {"timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/" + address + "/19730"}))
           == 0;
  }

  /// A program that stays on a host, and has begun there.
  std::unique_ptr<program> stay(const arguments& start) {
    const auto ready = scratch_.path() / "ready";
    auto command = start;
    command.insert(command.end(), {"bash", "-c", "touch '" + ready.string() + "'; exec sleep 1000"});
    auto one = std::make_unique<program>(command, scratch_.path() / "stay.log");
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(ready); }, patience)) << one->output();
    return one;
  }

  [[nodiscard]] std::string namespaces() {
    EXPECT_EQ(run({"bash", "-c", "PATH=$PATH:/usr/sbin:/sbin; ip netns list"}), 0) << output_;
    return output_;
  }

  temporary_directory scratch_;
  std::string output_;
};

TEST_F(virtual_hosts_test, reach_one_another_as_long_as_their_cables_are_plugged_in) {
  const virtual_hosts hosts{2};
  program server{hosts.command(0, {CKPT_SINK, "--host", "0.0.0.0", "--port", "19730"}),
                 scratch_.path() / "sink"};
  ASSERT_TRUE(listens(server)) << server.output();
  EXPECT_TRUE(connects(hosts, 1, virtual_hosts::address(0))) << output_;
  EXPECT_FALSE(connects(hosts, 1, "127.0.0.1")) << "its loopback is its own";
  hosts.pull_cable(0);
  EXPECT_FALSE(connects(hosts, 1, virtual_hosts::address(0)));
  EXPECT_TRUE(connects(hosts, 0, "127.0.0.1")) << output_;
  hosts.plug_cable(0);
  EXPECT_TRUE(connects(hosts, 1, virtual_hosts::address(0))) << output_;
}

TEST_F(virtual_hosts_test, hand_signals_to_the_program_itself) {
  const virtual_hosts hosts{1};
  auto one = stay(hosts.command(0, {}));
  one->send_signal(SIGTERM);
  EXPECT_EQ(one->wait(patience), -SIGTERM);
}

TEST_F(virtual_hosts_test, have_names_and_ways_for_ucx_of_their_own) {
  const virtual_hosts hosts{2};
  EXPECT_EQ(
      run(hosts.command(1, {"bash", "-c", "hostname; ls /sys/class/net; echo $UCX_TLS $UCX_NET_DEVICES"})),
      0);
  EXPECT_EQ(output_, "host1\neth0\nlo\ntcp eth0\n");
}

TEST_F(virtual_hosts_test, slow_down_the_disk_for_one_of_them) {
  const virtual_hosts hosts{2};
  try {
    hosts.limit_disk(1, scratch_.path(), 1 << 20);
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(run(hosts.command(0, {"cat", "/proc/self/cgroup"})), 0);
  EXPECT_THAT(output_, Not(HasSubstr("ckpt-hosts-")));
  EXPECT_EQ(run(hosts.command(1, {"cat", "/proc/self/cgroup"})), 0);
  EXPECT_THAT(output_, HasSubstr("ckpt-hosts-"));
}

TEST_F(virtual_hosts_test, take_with_them_what_still_runs_there) {
  std::unique_ptr<program> one;
  {
    const virtual_hosts hosts{1};
    one = stay(hosts.command(0, {}));
    EXPECT_THAT(namespaces(), HasSubstr("ckpt-hosts-" + std::to_string(::getpid())));
  }
  EXPECT_EQ(one->wait(patience), -SIGKILL);
  EXPECT_THAT(namespaces(), Not(HasSubstr("ckpt-hosts-" + std::to_string(::getpid()))));
}

TEST_F(virtual_hosts_test, of_a_test_that_was_killed_are_removed_by_the_next) {
  const std::string dead = "4194305-0"; // No process has an id as high as that.
  ASSERT_EQ(run({CKPT_VIRTUAL_HOSTS, "make", dead, "1"}), 0) << output_;
  auto straggler = stay({CKPT_VIRTUAL_HOSTS, "run", dead, "0"});
  const virtual_hosts hosts{1};
  EXPECT_EQ(straggler->wait(patience), -SIGKILL);
  EXPECT_THAT(namespaces(), Not(HasSubstr(dead)));
}

} // namespace
} // namespace ckpt::tests
