// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The weights that a worker keeps in its memory (--consume hold): the tensors of all updates so far. It
// reports checksums of them. One thread at a time: the worker's during an update, the HTTP side's otherwise.

#include "apps/sink/verifier.hpp"

#include <cstddef>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace ckpt::apps::sink {

class held_weights {
public:
  /// Loads the checkpoint, like an engine that starts with weights. Throws std::system_error when a file
  /// cannot be read.
  void load(const expectation& checkpoint);

  void take(const std::string& name, std::span<const std::byte> bytes);

  /// Writes random bytes over all of them.
  void scramble();

  /// Name and checksum of each.
  [[nodiscard]] boost::json::object checksums() const;

private:
  std::map<std::string, std::vector<std::byte>> tensors_;
  std::mt19937_64 random_;
};

} // namespace ckpt::apps::sink
