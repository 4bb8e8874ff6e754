// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// `ckpt-actor-node doctor`: does an update reach every parameter of an engine, and set it to what the engine
// had when it loaded the same checkpoint by itself?
//
//   checksums ─> pause ─> overwrite with random numbers ─> checksums ─> an ordinary update ─> checksums
//   the engine's own      (begin)                          what to change                      (judge)
//
// SGLang's own `compare` is not used: with several workers it answers for the first alone. On one host; the
// program's main thread calls it, and it blocks.

#include "actors/update/update.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "io/engine/engine_api.hpp"
#include "io/engine/engine_checksums.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ckpt::apps {

/// True when serving may be interrupted: --yes was given, or the user says so now in the terminal.
[[nodiscard]] bool is_wanted(const node_options& options);

class doctor {
public:
  /// Both outlive it.
  doctor(const node_options& options, const signal_guard& signals);

  /// Pauses the engines and overwrites their weights: from then on only an update helps. On failure before
  /// the first overwrite it resumes them and returns the cause.
  [[nodiscard]] actors::cause begin();

  /// Adds to the verdict the parameters that the update has not reached, or has set to something else.
  void judge(actors::update_verdict& verdict, const actors::update& update) const;

private:
  struct examined_engine {
    std::unique_ptr<io::engine_api> api;
    bool is_paused = false;
    bool is_overwritten = false;
    io::engine_checksums loaded;      ///< by the engine itself
    io::engine_checksums overwritten; ///< empty when the engine did not report it
  };

  void examine();
  void overwrite();
  void resume() noexcept;
  [[nodiscard]] io::http_response ask(std::size_t engine, const io::http_request& request) const;
  [[nodiscard]] io::engine_checksums ask_checksums(std::size_t engine) const;
  void pause(std::size_t engine);

  const node_options& options_;
  const signal_guard& signals_;
  bool may_be_interrupted_ = true;
  std::vector<examined_engine> engines_; ///< by engine
};

} // namespace ckpt::apps
