// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The messages between the sink and a worker that is a process of its own: one JSON object on each line.
//
//   sink                                        worker
//     │ {"device": uuid, "address": …, "faulty": false} ──> │   an update; one at a time
//     │ <───────────────────────────────── {"taken": true} │   the update begins
//     │ <──────────────────────────────────── {"lists": 3} │   after each list it has agreed to
//     │ {"freeze": true} ─────────────────────────────────> │   answer no more messages
//     │ <─────────────────────────────────── {"outcome": …} │   it is through
//
// They share a socket. End of file on it means that the other process has ended.

#include "apps/sink/worker_outcome.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace ckpt::apps::sink {

/// An update for a worker.
struct worker_order {
  std::string device;
  std::string address;
  bool faulty = false; ///< with the faults of the command line
};
struct freeze_order {};
struct order_taken {};
struct list_news {
  std::uint64_t lists = 0;
};

using worker_line = std::variant<worker_order, freeze_order, order_taken, list_news, worker_outcome>;

/// The line, with its line end.
[[nodiscard]] std::string write_line(const worker_line& line);

/// Throws std::runtime_error for what is none of them.
[[nodiscard]] worker_line read_line(std::string_view text);

} // namespace ckpt::apps::sink
