// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Hosts that join take their weights from the memory of a cluster that has them, over a real network.

#include "tests/cluster/cluster_fixture.hpp"

#include <csignal>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Hosts 0 and 1 are the sources, an engine on each; 2 and 3 join.
class cluster_peers_test : public cluster_test {
protected:
  static constexpr unsigned sources = 2;

  void start_sources(const arguments& engine_flags = {}) {
    checkpoints_ = {write_small_checkpoint(scratch_.path(), 64 << 20)};
    expected_ = scratch_.path() / "expected";
    fs::copy(checkpoints_[0], expected_, fs::copy_options::recursive);
    start_cluster({.hosts = 4}, engine_flags);
    for (unsigned host = 0; host < sources; ++host)
      start_node(host, {"--nnodes", "2", "--save-metas-file", metas_, "--sleep-time", "600", "--endpoint",
                        engine_url(host), "--inference-parallel-size", "1"});
    ASSERT_TRUE(eventually([&] { return fs::exists(metas_); }, patience)) << node_output(0) << node_output(1);
    fs::remove_all(checkpoints_[0]); // Nobody needs it any more.
  }

  /// A host that is a cluster of its own, or one of several with `more`.
  void start_joining(unsigned host, const arguments& more = {}) {
    auto command = joining_command(metas_, scratch_.path() / ("report-" + std::to_string(host) + ".json"),
                                   {"--insecure-network"});
    command.insert(command.end(), more.begin(), more.end());
    nodes_[host] = std::make_unique<program>(hosts_->command(host, command),
                                             scratch_.path() / ("node-" + std::to_string(host)));
  }

  [[nodiscard]] arguments alone(unsigned host) const {
    return {"--inference-parallel-size", "1", "--endpoint", engine_url(host)};
  }

  void expect_updated(unsigned engine) {
    EXPECT_EQ(end_of(engine), 0) << node_output(engine) << node_output(0) << node_output(1);
    EXPECT_THAT(engines_[engine].front()->output(), HasSubstr("verified bit for bit"));
  }

  const fs::path metas_ = scratch_.path() / "metas.json";
};

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
  ASSERT_TRUE(eventually(
      [&] {
        return engines_[2].front()->output().find("verified") == std::string::npos
               && node_output(2).find("is ready") != std::string::npos;
      },
      patience))
      << node_output(2);
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
