// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Each engine's HTTP dialect for requests for tokens and for pausing them. Pure; any thread.

#include "apps/sink/dialect.hpp"
#include "apps/sink/request_gate.hpp"
#include "apps/sink/timed_generation.hpp"

#include <chrono>

namespace ckpt::apps::sink {

/// How long the tokens of a request take: its field `"seconds"`, which no real engine has; 0 without it.
/// Throws std::invalid_argument that says what is wrong with the body.
[[nodiscard]] std::chrono::nanoseconds read_generation_length(const question& asked);

[[nodiscard]] generation_answers answers_to_generation(io::engine_kind engine);

/// SGLang has the mode in the body, vLLM in the query. Throws std::invalid_argument for a mode that the
/// engine does not have.
[[nodiscard]] pause_mode read_pause_mode(io::engine_kind engine, const question& asked);

[[nodiscard]] answer paused_answer(io::engine_kind engine);
[[nodiscard]] answer resumed_answer(io::engine_kind engine);
[[nodiscard]] answer is_paused_answer(bool is_paused);

/// SGLang's message when it answers an update with failure although the weights are in: a request still
/// relies on results of the old ones.
[[nodiscard]] std::string_view cache_not_flushed();

} // namespace ckpt::apps::sink
