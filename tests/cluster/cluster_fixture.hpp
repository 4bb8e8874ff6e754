// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Updates of a whole cluster: a ckpt-actor-node on each of several virtual hosts, and a ckpt-sink for every
// engine on the hosts that its workers belong to. All of them real processes, on a real network.

#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/update_programs.hpp"
#include "tests/support/virtual_hosts.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {

/// Ranks are dealt to the hosts in order, and to engines of `workers` consecutive ones.
struct cluster_shape {
  unsigned hosts = 2;
  unsigned devices = 1; ///< of each host
  unsigned workers = 1; ///< of each engine

  [[nodiscard]] unsigned engines() const { return hosts * devices / workers; }
  [[nodiscard]] unsigned first_host(unsigned engine) const { return engine * workers / devices; }
};

class cluster_test : public testing::Test {
protected:
  void SetUp() override;

  /// Makes the hosts and starts all engines; `engine_flags` are every ckpt-sink's.
  void start_cluster(const cluster_shape& shape, const arguments& engine_flags = {});

  /// Starts one engine, in place of the one before it. `follower_flags` are for its parts on further hosts.
  void start_engine(unsigned engine, const arguments& flags = {}, const arguments& follower_flags = {});

  /// Starts the node of one host. `more` comes after the flags that every node gets.
  void start_node(unsigned host, const arguments& more = {});

  /// Starts the nodes of all hosts in random order.
  void start_nodes(const arguments& more = {});

  /// Waits for the node of `host` and returns its exit status.
  int end_of(unsigned host);

  /// Waits for all nodes; each must end with `status`.
  void expect_all_end_with(int status);

  /// One update more of the whole cluster, with the same command: it must succeed.
  void expect_next_update_succeeds();

  /// Waits until every engine takes buckets, of which there are some for more than a second from then on.
  void reach_the_middle();

  /// The engines have taken every tensor, bit for bit, in their last update.
  void expect_engines_verified() const;

  [[nodiscard]] std::string node_output(unsigned host) const { return nodes_.at(host)->output(); }
  [[nodiscard]] boost::json::object report(unsigned host) const;
  [[nodiscard]] std::string engine_url(unsigned engine) const;

  /// What is the same on the command line of every node but those that Slurm or torchrun start.
  [[nodiscard]] arguments place_of(unsigned host) const;

  /// The flags of a node that tell it about the engines.
  [[nodiscard]] arguments engines_of(unsigned host) const;

  temporary_directory scratch_{std::filesystem::current_path()};
  cluster_shape shape_;
  std::vector<std::filesystem::path> checkpoints_; ///< one for all hosts, or one for each
  std::filesystem::path expected_; ///< what the engines compare with; the first of those when it is empty
  std::optional<virtual_hosts> hosts_;
  std::vector<std::vector<std::unique_ptr<program>>> engines_; ///< the first host's ckpt-sink, its followers'
  std::vector<std::unique_ptr<program>> nodes_;                ///< by host
  arguments node_wrapper_; ///< what every node is started by; usually nothing
  arguments node_flags_{"--timeout", "10", "--insecure-network"};
  unsigned seed_ = std::random_device{}(); ///< printed
  std::mt19937 random_{seed_};

private:
  void start_sink(unsigned engine, unsigned part, const arguments& flags);
  [[nodiscard]] std::filesystem::path log(const std::string& name) const { return scratch_.path() / name; }
};

/// Slow enough that a test can step in while buckets of a small checkpoint are under way.
inline const arguments slow_engines{"--worker-seconds-per-gib", "80"};

} // namespace ckpt::tests
