// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Hosts that join take their weights from the memory of a cluster that has them, over a real network.

#include "tests/cluster/peers_fixture.hpp"

#include <csignal>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;

TEST_F(cluster_peers_test, a_host_takes_its_weights_from_both_sources) {
  start_sources();
  start_joining(2, alone(2));
  expect_updated(2);
  for (unsigned host = 0; host < sources; ++host) {
    EXPECT_THAT(read_file(metas_), HasSubstr(virtual_hosts::address(host)));
    nodes_[host]->send_signal(SIGTERM);
    EXPECT_EQ(end_of(host), 0) << node_output(host);
  }
}

TEST_F(cluster_peers_test, two_hosts_join_as_a_cluster_of_their_own) {
  start_sources();
  for (const auto host : {2u, 3u}) {
    auto flags = alone(host);
    flags.insert(flags.end(), {"--nnodes", "2", "--node-rank", std::to_string(host - 2), "--master-addr",
                               virtual_hosts::address(2)});
    start_joining(host, flags);
  }
  for (const auto host : {2u, 3u})
    expect_updated(host);
}

class lost_peer_test : public cluster_peers_test, public testing::WithParamInterface<int> {};

TEST_P(lost_peer_test, is_named_and_the_others_weights_are_not_enough) {
  start_sources(slow_engines);
  start_joining(2, alone(2));
  reach_the_middle_of(2);
  nodes_[1]->send_signal(GetParam());
  EXPECT_EQ(end_of(2), 5) << node_output(2);
  EXPECT_THAT(node_output(2), HasSubstr("no host that has these bytes is left"));
  EXPECT_THAT(node_output(2), HasSubstr(virtual_hosts::address(1)));
  nodes_[1]->send_signal(SIGKILL);
  // Without it, nothing is asked of the engine.
  start_joining(2, alone(2));
  EXPECT_EQ(end_of(2), 5) << node_output(2);
  EXPECT_THAT(node_output(2), HasSubstr("nobody who is there has these bytes"));
}

INSTANTIATE_TEST_SUITE_P(by, lost_peer_test, testing::Values(SIGKILL, SIGSTOP),
                         [](const auto& one) { return std::string{one.param == SIGKILL ? "kill" : "stop"}; });

} // namespace
} // namespace ckpt::tests
