// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The faults that the sink can be told to commit. A fault_plan is the checked request of the command line;
// immutable, so any thread may read it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::apps::sink {

/// A moment in the life of a worker: the message it has just received and not yet answered.
struct moment {
  enum class at : std::uint8_t {
    connect, ///< no message: before the worker connects
    handle,
    list,        ///< number `index`, counted from 0
    middle_list, ///< the one with which more than half of the checkpoint's tensors have come
    last_list,   ///< the one with which all of them have come
    release,     ///< the first None
    finish,      ///< the second None
  } is = at::handle;
  std::uint64_t index = 0; ///< of a list
};

/// Each fault is absent or false unless requested.
struct fault_plan {
  // Faults of the HTTP side.
  std::optional<unsigned> status_before;
  std::optional<unsigned> status_during;
  std::optional<unsigned> status_after;
  std::uint64_t lists_before_trouble = 1; ///< for status_during and drops_connection: lists answered before
  std::optional<unsigned> early_status;   ///< sent before the workers start, which start all the same
  bool answers_early = false;
  bool has_no_pause = false; ///< also beyond --fault-updates
  bool starts_no_workers = false;
  bool overwrites_nothing = false; ///< also beyond --fault-updates
  bool has_no_checksums = false;   ///< also beyond --fault-updates
  bool tells_wrong_version = false;
  bool answers_garbage = false;
  bool drops_connection = false;

  // Faults of all workers, or of the one that `only_worker` names.
  std::optional<moment> error_at; ///< handle or a list
  std::optional<moment> die_at;
  std::optional<moment> hang_at;
  std::optional<moment> close_at; ///< only the socket closes, and the server never answers
  bool finish_raises = false;
  std::optional<std::string> loses;    ///< silently does not keep the tensor of this name
  bool hook_failure_swallowed = false; ///< the post hook fails, but the worker answers success
  std::chrono::milliseconds connect_delay{0};
  std::chrono::milliseconds handle_delay{0};
  std::optional<unsigned> only_worker;

  /// True when the moment of a fault depends on how many tensors will come.
  [[nodiscard]] bool needs_tensor_count() const;

  /// True when the workers have to fall silent once one of them has answered this many lists.
  [[nodiscard]] bool freezes_after(std::uint64_t lists) const {
    return status_during && lists >= lists_before_trouble;
  }

  /// True when `status_after` comes from a gateway in front of a server that has succeeded.
  [[nodiscard]] bool only_gateway_fails_after() const { return status_after == 502 || status_after == 504; }

  /// True when no answer must ever be sent, whatever the workers do.
  [[nodiscard]] bool never_answers() const { return close_at.has_value() || starts_no_workers; }

  /// The faults of worker number `worker`: without the workers' faults if `only_worker` names another one.
  [[nodiscard]] fault_plan for_worker(unsigned worker) const;
};

/// Parses values of `--fault`. Throws std::invalid_argument that names the value and lists what there is.
[[nodiscard]] fault_plan parse_faults(std::span<const std::string> values);

/// One line for each kind of fault, for --help.
[[nodiscard]] std::string_view fault_help();

} // namespace ckpt::apps::sink
