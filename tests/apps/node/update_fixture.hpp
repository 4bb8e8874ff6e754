// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whole updates as users run them: ckpt-actor-node against ckpt-sink, two real processes.

#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/update_programs.hpp"

#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {

class update_test : public testing::Test {
protected:
  ~update_test() override { remove_marks(read_file(scratch_.path() / "node.log")); }

  /// A small checkpoint of `shards` files below `parent`, the scratch directory by default.
  std::filesystem::path make_checkpoint(std::uint64_t bytes = 24 << 20, std::uint32_t shards = 3,
                                        const std::filesystem::path& parent = {});

  /// Starts the engine and waits until it listens.
  void start_engine(const std::filesystem::path& checkpoint, const arguments& more = {});

  /// Starts an update of the engine (or of `endpoint`) with short deadlines and small buckets.
  std::unique_ptr<program> start_node(const std::filesystem::path& checkpoint, const arguments& more = {});

  /// Starts an update of an engine that is slow, and comes back when it has taken some buckets.
  std::unique_ptr<program> start_and_reach_the_middle(const std::filesystem::path& checkpoint,
                                                      const arguments& more = {});

  /// Runs an update to its end and returns the exit status; what it printed is in node_output_.
  int run_node(const std::filesystem::path& checkpoint, const arguments& more = {});

  /// The report of the last node.
  [[nodiscard]] boost::json::object report() const;

  /// Nothing of an update that is over may be left in /dev/shm.
  void expect_nothing_left() const;

  temporary_directory scratch_{std::filesystem::current_path()};
  std::unique_ptr<program> engine_;
  std::string endpoint_;
  std::string node_output_;
  arguments node_arguments_{"--inference-parallel-size", "1"};

private:
  int starts_ = 0; ///< of engines: each has its own log
};

} // namespace ckpt::tests
