// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Each engine's HTTP dialect: its routes, the keys that they need, the form of update requests and of their
// answers. Handles texts, not connections or state. Pure; any thread.

#include "apps/sink/update.hpp"
#include "io/http/http_exchange.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace ckpt::apps::sink {

using question = io::http_question;
using answer = io::http_answer;
using exchange = io::http_exchange;

/// The action of a route.
enum class action : std::uint8_t {
  nothing, ///< answers 200
  ping,
  health,
  model_info,
  server_info,
  generate,
  flush_cache,
  update,
  update_state, ///< LMDeploy: ready for an update?
  sleep,
  wake_up,
  pause,
  resume,
  is_paused,
  readiness, ///< SGLang: serves requests now
  check_weights,
};

/// Which key a route demands, where one is configured.
enum class key : std::uint8_t { none, api, admin };

/// Which versions of the engine have a route: all, or recent ones.
enum class age : std::uint8_t { all, recent };

struct route {
  std::string_view method;
  std::string_view path;
  key needs;
  action does;
  age in = age::all;
};

[[nodiscard]] std::span<const route> routes_of(io::engine_kind engine);

/// Reads the body of an update request. Throws std::invalid_argument that says what is wrong with it.
[[nodiscard]] update_request read_update_request(io::engine_kind engine, const question& asked);

/// The answer to an update that succeeded on all workers.
[[nodiscard]] answer update_succeeded(io::engine_kind engine, const update_outcome& outcome);

/// The answer when workers were started, or should have been, and the update failed.
[[nodiscard]] answer update_failed(io::engine_kind engine, std::string_view why);

/// The answer when the request itself is at fault: 400 everywhere.
[[nodiscard]] answer update_refused(io::engine_kind engine, std::string_view why);

/// `{"error": why}` with any status, as the engines' middleware answers.
[[nodiscard]] answer plain_error(unsigned status, std::string_view why);

/// One line for people: "2 workers took …".
[[nodiscard]] std::string summary(const update_outcome& outcome);

} // namespace ckpt::apps::sink
