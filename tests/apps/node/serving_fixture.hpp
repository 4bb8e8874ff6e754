// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Updates of an engine that serves: it has weights from the start, and other clients send it requests for
// tokens.

#include "tests/apps/node/update_fixture.hpp"
#include "tests/support/http_client.hpp"

#include <string>

namespace ckpt::tests {

/// Slow enough that a test can step in while buckets are under way.
inline const arguments slow_engine{"--worker-seconds-per-gib", "60"};

class serving_test : public update_test {
protected:
  /// Starts an engine of this kind that has served before; its report is sink_report()'s.
  void start_serving(const std::filesystem::path& checkpoint, const std::string& kind = "sglang",
                     const arguments& more = {});

  /// A request that takes the engine so long.
  [[nodiscard]] http_client generation(double seconds) const;

  /// The same with SGLang, and it runs.
  [[nodiscard]] http_client running_generation(double seconds) const;

  /// True when a request that comes now is answered in full.
  [[nodiscard]] bool serves() const;

  /// Waits until the engine (SGLang) has put a generation that runs back into its queue.
  [[nodiscard]] bool becomes_paused() const;

  /// What the engine says of the last update it was asked for.
  [[nodiscard]] boost::json::object last_update() const;

  /// True when it has taken all weights bit for bit.
  [[nodiscard]] bool has_taken_all() const;

  /// The last node's report on its (first) engine.
  [[nodiscard]] boost::json::object engine_report() const;

  /// The name of some parameter with bytes in it, from the last node's report with --prove.
  [[nodiscard]] std::string some_parameter() const;

  std::string kind_ = "sglang";
};

/// True for a request that ran to its end, false for one that was ended before.
[[nodiscard]] bool is_complete(const std::optional<http_answer>& answer);

} // namespace ckpt::tests
