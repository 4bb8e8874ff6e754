// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The flags about what engines hold: --prove, --prove-against and the doctor.

#include "apps/node/command_line.hpp"

#include <string>

#include <CLI/App.hpp>

namespace ckpt::apps {

struct proof_flags {
  bool prove = false;
  std::string against;
  CLI::App* doctor = nullptr;
  bool yes = false;
};

void add_proof_flags(CLI::App& app, proof_flags& flags);

/// Throws std::invalid_argument for combinations with other options that make no sense.
void apply(const proof_flags& flags, node_options& options);

} // namespace ckpt::apps
