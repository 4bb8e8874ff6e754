// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A cluster that keeps a version in memory, and hosts that join.

#include "tests/cluster/cluster_fixture.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace ckpt::tests {

/// Hosts 0 and 1 are the sources, an engine on each; 2, 3 and so on join.
class cluster_peers_test : public cluster_test {
protected:
  static constexpr unsigned sources = 2;

  void start_sources(const arguments& engine_flags = {}, unsigned hosts = 4) {
    namespace fs = std::filesystem;
    checkpoints_ = {write_small_checkpoint(scratch_.path(), 64 << 20)};
    expected_ = scratch_.path() / "expected";
    fs::copy(checkpoints_[0], expected_, fs::copy_options::recursive);
    start_cluster({.hosts = hosts}, engine_flags);
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
    EXPECT_THAT(engines_[engine].front()->output(), testing::HasSubstr("verified bit for bit"));
  }

  /// Waits until the engine of `host` takes buckets, of which there are some for seconds with slow_engines.
  void reach_the_middle_of(unsigned host) {
    ASSERT_TRUE(eventually(
        [&] {
          return engines_[host].front()->output().find("verified") == std::string::npos
                 && node_output(host).find("is ready") != std::string::npos;
        },
        patience))
        << node_output(host);
  }

  const std::filesystem::path metas_ = scratch_.path() / "metas.json";
};

} // namespace ckpt::tests
