// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How an update ended, engine by engine, and its two forms for the user: a few lines and a JSON file.

#include "actors/error.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::actors {

struct update;

/// What an engine serves after the update.
enum class served_weights : std::uint8_t {
  unchanged, ///< nothing was handed to it: what it had before
  mixed,     ///< some tensors are new, some old: not fit for use until an update succeeds
  updated,   ///< every worker took every tensor, and the server confirmed
};

[[nodiscard]] const char* name(served_weights state) noexcept;

struct engine_verdict {
  std::string endpoint;
  served_weights serves = served_weights::unchanged;
  std::string why; ///< empty when updated
  std::optional<std::string> version;
  std::uint64_t bytes = 0; ///< acknowledged by all its workers
  double seconds = 0;      ///< from the start of the update to this engine's end
};

/// One stage's own work, whatever it waited for.
struct stage_report {
  std::string stage;
  std::uint64_t bytes = 0;
  double busy_seconds = 0;
};

struct update_verdict {
  cause first_cause; ///< ec::none when all engines are updated
  std::vector<engine_verdict> engines;
  std::vector<stage_report> stages;
  bool parts_left = false; ///< some actor did not end in time: only the end of the process gets rid of it
  double seconds = 0;
  double ready_seconds = 0; ///< until every engine was ready and its workers had opened the ring
};

/// Writes the verdict as JSON, replacing `path` in one step. Throws std::system_error that names it.
void write_report(const update_verdict& verdict, const update& context, const std::filesystem::path& path);

/// One line per engine and one for the whole, without a line end at the end.
[[nodiscard]] std::string describe(const update_verdict& verdict, const update& context);

/// "12.3 GiB".
[[nodiscard]] std::string describe_bytes(std::uint64_t bytes);

} // namespace ckpt::actors
