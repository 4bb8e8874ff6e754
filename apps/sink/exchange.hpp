// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One HTTP request that waits for its answer, whoever carries it. Belongs to the thread that runs the
// io_context.

#include "apps/sink/dialect.hpp"

#include <functional>

namespace ckpt::apps::sink {

class exchange {
public:
  virtual ~exchange() = default;

  /// Answers it. Only the first answer counts.
  virtual void respond(const answer& what) = 0;

  /// True while the client is there and has no answer.
  [[nodiscard]] virtual bool is_waiting() const = 0;

  /// Set by the engine to learn that nobody waits for the answer any more.
  std::function<void()> client_gone;
};

} // namespace ckpt::apps::sink
