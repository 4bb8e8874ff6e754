// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The command line of ckpt-actor-node: the flags of SGLang's weight pusher with the same names and defaults,
// and ours.

#include "actors/update.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace ckpt::apps {

enum class device_kind : std::uint8_t { cuda, host };

struct node_options {
  actors::update_options update;
  std::filesystem::path checkpoint_path;
  device_kind device = device_kind::cuda;
  std::uint32_t device_count = 0;
  std::uint64_t bucket_bytes = 0; ///< 0: by the checkpoint's size
  std::filesystem::path report;   ///< empty: none
  bool dry_run = false;
  std::uint32_t sleep_seconds = 0;
};

struct command_line {
  std::optional<node_options> options; ///< nothing when there is nothing to run: help, version or a mistake
  int exit_status = 0;
};

/// Parses and checks the arguments; prints help, version or what is wrong itself.
[[nodiscard]] command_line parse_command_line(int argc, const char* const* argv);

} // namespace ckpt::apps
