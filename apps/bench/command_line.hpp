// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The command line of ckpt-bench.

#include "apps/bench/comparisons.hpp"
#include "apps/bench/gpu_copy.hpp"
#include "apps/synthetic.hpp"

#include <optional>
#include <set>
#include <string>
#include <variant>

namespace ckpt::apps::bench {

/// ckpt-bench write
struct write_command {
  synthetic_options options;
};

/// ckpt-bench read
struct read_command {
  compare_options options;
  std::optional<cache_state> state; ///< absent: a checkpoint that was just written
  std::filesystem::path json;
};

/// ckpt-bench compare
struct compare_command {
  compare_options options;
  std::set<std::string> cases; ///< names in comparison_cases
  std::filesystem::path json;
  bool strict = false; ///< a bar that is missed is a failure
};

/// ckpt-bench gpu-copy
struct gpu_copy_command {
  gpu_copy_options options;
  std::filesystem::path json;
  bool strict = false; ///< a bar that is missed is a failure
};

inline constexpr const char* comparison_cases[] = {"cold", "loaders", "warm", "dirty", "plan", "update"};

using command = std::variant<int, write_command, read_command, compare_command, gpu_copy_command>;

/// Parses the arguments. An int is the exit status when there is nothing to run; help or what is wrong has
/// been printed.
[[nodiscard]] command parse_command_line(int argc, const char* const* argv);

/// Runs a command and returns the exit status. Throws what the parts throw.
[[nodiscard]] int run(const command& parsed, const std::filesystem::path& programs);

} // namespace ckpt::apps::bench
