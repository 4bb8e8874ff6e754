// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whole updates of engines on GPUs: the real programs as processes, on simulated GPUs (tests/stand_in). Hosts
// are processes with GPUs of their own.

#include "tests/stand_in/stand_in.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/update_programs.hpp"

#include <filesystem>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ckpt::tests {

constexpr std::uint64_t gpu_checkpoint_bytes = 24 << 20;

void append(arguments& list, const arguments& more);

/// `gpus` of each host belong to engines of `workers` consecutive ones, each on one host.
struct shape {
  unsigned hosts = 1;
  unsigned gpus = 2;
  unsigned workers = 2;

  [[nodiscard]] unsigned engines_each() const { return gpus / workers; }
};

void PrintTo(const shape& one, std::ostream* out);

class cuda_update_test : public testing::Test {
protected:
  /// Starts the engines of all hosts, each with these flags besides.
  void start_engines(const shape& wanted, const arguments& flags = {});

  /// Runs the nodes of all hosts to their end; node_output() has what they printed.
  void run_nodes(int expected_status, const arguments& more = {});

  void start_nodes(const arguments& more = {});

  void expect_all_end_with(int status);

  int end_of(unsigned host);

  /// Some moment of the transfer, which goes on for seconds from when the engines are ready; which one does
  /// not matter.
  void reach_the_middle();

  void expect_verified() const;

  [[nodiscard]] std::string node_output(unsigned host) const { return nodes_[host]->output(); }
  [[nodiscard]] std::string engine_output() const;

  [[nodiscard]] std::filesystem::path log(const std::string& name, unsigned host) const;

  /// What the processes of one kind on one host did with their GPUs.
  [[nodiscard]] stand_in::statistics node_statistics(unsigned host = 0) const;
  [[nodiscard]] stand_in::statistics engine_statistics(unsigned host = 0) const;

  /// Nothing that was taken from the GPUs is left, and copies came from memory that they knew.
  void expect_clean() const;

  /// As the report tells it.
  [[nodiscard]] double connect_seconds() const;

  temporary_directory scratch_{std::filesystem::current_path()};
  std::filesystem::path checkpoint_ = write_small_checkpoint(scratch_.path(), gpu_checkpoint_bytes);
  shape shape_;
  arguments environment_{"STAND_IN_GPUS=2"}; ///< of all programs: variables, then what runs them
  bool is_one_machine_ = false;              ///< whose GPUs all "hosts" see, each a process that drives one
  std::vector<std::unique_ptr<program>> engines_;
  std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<program>> nodes_;

private:
  /// By which an engine's workers see other GPUs than their host has.
  [[nodiscard]] virtual arguments engine_variables(unsigned) const { return {}; }

  /// By which a node finds the others, or nothing: then flags say it.
  [[nodiscard]] virtual arguments launcher_variables(unsigned, const std::string&) const { return {}; }

  [[nodiscard]] arguments on_host(unsigned host, const std::string& name, const arguments& variables) const;

  void start_engine(unsigned host, const arguments& flags);

  void start_node(unsigned host, const std::string& master_port, const arguments& more);
};

} // namespace ckpt::tests
