// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Hosts that join at once take weights from each other, over a real network.

#include "tests/cluster/peers_fixture.hpp"

#include <csignal>
#include <string>
#include <string_view>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;

class exchange_test : public cluster_peers_test {
protected:
  /// Sources that are slow enough for hosts that join one after the other to do so at once, on any machine.
  void start_slow_sources(unsigned hosts, const arguments& engine_flags = {}) {
    node_flags_.insert(node_flags_.end(), {"--send-limit", "4MiB"});
    start_sources(engine_flags, hosts);
  }

  void start_joining_with(unsigned host, const arguments& more = {}) {
    auto flags = alone(host);
    flags.insert(flags.end(), more.begin(), more.end());
    start_joining(host, flags);
  }

  /// What the host says that it has taken from others that join: a number that is 0 for nothing.
  [[nodiscard]] double from_others(unsigned host) const {
    constexpr std::string_view before = "from other hosts that join: ";
    const auto output = node_output(host);
    const auto at = output.find(before);
    return at == std::string::npos ? 0 : std::stod(output.substr(at + before.size()));
  }

  static inline const arguments much_memory{"--host-memory", "64MiB"};
};

TEST_F(exchange_test, of_four_that_join_at_once) {
  start_slow_sources(6);
  for (const auto host : {2u, 3u, 4u, 5u})
    start_joining_with(host, much_memory);
  double taken = 0;
  for (const auto host : {2u, 3u, 4u, 5u}) {
    expect_updated(host);
    taken += from_others(host);
  }
  EXPECT_GT(taken, 0) << node_output(2) << node_output(5);
}

TEST_F(exchange_test, with_few_slabs) {
  start_slow_sources(4);
  for (const auto host : {2u, 3u})
    start_joining_with(host, {"--host-memory", "4MiB"});
  for (const auto host : {2u, 3u})
    expect_updated(host);
}

TEST_F(exchange_test, takes_all_from_sources_where_hosts_do_not_reach_each_other) {
  start_slow_sources(4);
  hosts_->part(2, 3);
  for (const auto host : {2u, 3u})
    start_joining_with(host, much_memory);
  for (const auto host : {2u, 3u}) {
    expect_updated(host);
    EXPECT_EQ(from_others(host), 0) << node_output(host);
  }
}

class lost_fellow_test : public exchange_test, public testing::WithParamInterface<int> {};

TEST_P(lost_fellow_test, is_a_loss_to_nobody) {
  start_slow_sources(5);
  for (const auto host : {2u, 3u, 4u})
    start_joining_with(host, much_memory);
  for (const auto host : {2u, 3u, 4u})
    reach_the_middle_of(host);
  nodes_[4]->send_signal(GetParam());
  for (const auto host : {2u, 3u})
    expect_updated(host);
  nodes_[4]->send_signal(SIGKILL);
}

INSTANTIATE_TEST_SUITE_P(by, lost_fellow_test, testing::Values(SIGKILL, SIGSTOP),
                         [](const auto& one) { return std::string{one.param == SIGKILL ? "kill" : "stop"}; });

TEST_F(exchange_test, brings_what_a_source_had_that_dies) {
  start_sources({}, 4);
  start_engine(2, {"--worker-seconds-per-gib", "1920"}); // Two minutes for all: it outlasts the other one,
  start_engine(3, {"--worker-seconds-per-gib", "120"});  // which takes 8 s.
  // The first one keeps everything, so it takes what it can, however slow its engine is.
  start_joining_with(2, {"--save-metas-file", scratch_.path() / "second.json", "--sleep-time", "600"});
  ASSERT_TRUE(eventually(
      [&] { return node_output(2).find("all weights are in the memory of this host") != std::string::npos; },
      patience))
      << node_output(2);
  start_joining_with(3);
  reach_the_middle_of(3);
  nodes_[1]->send_signal(SIGKILL);
  expect_updated(3);
  EXPECT_THAT(node_output(3), HasSubstr(virtual_hosts::address(1)));
  EXPECT_GT(from_others(3), 0) << node_output(3);
}

} // namespace
} // namespace ckpt::tests
