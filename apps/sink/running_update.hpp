// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The engine's state of the update under way. Only engine.cpp and engine_update.cpp include this.

#include "apps/sink/engine.hpp"

namespace ckpt::apps::sink {

struct engine::running_update {
  std::uint64_t serial = 0; ///< counts update requests from 1
  bool is_faulty = false;
  fault_plan faults; ///< none, or those of the command line
  update_request request;
  std::shared_ptr<exchange> waiting;
  bool client_is_gone = false;
  std::optional<update_outcome> ended; ///< set when the workers are done but the client has to wait longer
  std::unique_ptr<update> workers;     ///< null when none were started
};

} // namespace ckpt::apps::sink
