// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The command line of ckpt-bench.

#include "apps/bench/gpu_copy.hpp"
#include "apps/bench/staged_read.hpp"
#include "apps/synthetic.hpp"

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace ckpt::apps::bench {

/// ckpt-bench write
struct write_command {
  synthetic_options options;
};

/// ckpt-bench read
struct read_command {
  std::filesystem::path checkpoint;
  staged_read_options reading;
  unsigned rounds = 5;
  bool headers_only = false; ///< and makes the plan
  std::filesystem::path json;
};

/// ckpt-bench gpu-copy
struct gpu_copy_command {
  gpu_copy_options options;
  std::filesystem::path json;
};

/// ckpt-bench compare, which is a script.
struct compare_command {
  std::vector<std::string> arguments;
};

using command = std::variant<int, write_command, read_command, gpu_copy_command, compare_command>;

/// Parses the arguments. An int is the exit status when there is nothing to run; help or what is wrong has
/// been printed.
[[nodiscard]] command parse_command_line(int argc, const char* const* argv);

/// Runs a command and returns the exit status. Throws what the parts throw.
[[nodiscard]] int run(const command& parsed, const std::filesystem::path& programs);

} // namespace ckpt::apps::bench
