// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The result of a worker's update.

#include <cstdint>
#include <optional>
#include <string>

#include <boost/json/value.hpp>

namespace ckpt::apps::sink {

/// The update was good for the worker when `error` is empty.
struct worker_outcome {
  std::string device;
  std::string error;
  std::string hidden_error; ///< an error that the worker did not report: its weights are wrong
  std::uint64_t lists = 0;
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
  double busy_seconds = 0;      ///< spent on the tensors, comparing included
  std::optional<bool> verified; ///< absent without --verify
};

/// The outcome as it appears in the report.
[[nodiscard]] boost::json::object describe(const worker_outcome& worker);

/// The reverse of describe(). Throws boost::system::system_error for anything else.
[[nodiscard]] worker_outcome read_worker_outcome(const boost::json::object& described);

} // namespace ckpt::apps::sink
