// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Why an update ended: one enum, an exit status for each value, and the conversion of io/'s and gpu/'s
// exceptions.

#include <cstdint>
#include <exception>
#include <string>

namespace ckpt::actors {

enum class ec : std::uint8_t {
  none,               ///< All engines are updated.
  unspecified,        ///< Anything without a code of its own: a lack of memory, a programmer's error.
  usage,              ///< The command line makes no sense.
  checkpoint_invalid, ///< The checkpoint cannot be read, or its content is wrong.
  engine_failed,      ///< An engine refused the update, or failed in it.
  host_lost,          ///< A host was lost, or never came.
  host_disagrees,     ///< A host has another checkpoint, other flags or another version.
  timed_out,          ///< A wait went past its deadline.
  interrupted,        ///< SIGINT or SIGTERM.
};

/// The name in reports: "engine_failed".
[[nodiscard]] const char* name(ec code) noexcept;

/// The process's exit status: 0 updated, 2 usage, 3 checkpoint, 4 engine, 5 host lost or unfit, 6 timeout, 1
/// anything else.
[[nodiscard]] int exit_status(ec code) noexcept;

/// The first thing that went wrong: enough for the user's message, the report and the exit status.
struct cause {
  ec code = ec::none;
  std::string what; ///< names the file, host, engine or tensor it concerns; its first line says what happened
  int engine = -1;  ///< the engine that failed, by its number in the cluster; -1: none
  std::string detail{}; ///< a worker's error text, in full, for the report; usually empty
};

/// The first line of `why`, for log lines and for parties that do not need the details.
[[nodiscard]] inline std::string headline(const cause& why) {
  return why.what.substr(0, why.what.find('\n'));
}

/// Converts an exception: checkpoint_error becomes checkpoint_invalid, std::invalid_argument usage, a
/// std::system_error with ETIMEDOUT timed_out, everything else `otherwise`.
[[nodiscard]] cause to_cause(const std::exception& error, ec otherwise = ec::unspecified);

} // namespace ckpt::actors
