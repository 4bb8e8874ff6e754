// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// This process's part in an update: starts the actors (on host 0 the coordinator among them), connects them
// to the other hosts, and waits for the verdict.

#include "actors/update/update.hpp"
#include "actors/update/verdict.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"

#include <functional>

namespace ckpt::apps {

/// `failed_before` says why this host cannot take part, if it cannot: the others are told. Once the update is
/// over on all hosts, or its outcome cannot be learned, calls `conclude` with the verdict, while whatever is
/// left of the update still stands, and returns what it returns.
[[nodiscard]] int take_part(const node_options& options, const actors::update_ptr& update,
                            const actors::cause& failed_before, const signal_guard& signals,
                            const std::function<int(const actors::update_verdict&)>& conclude);

} // namespace ckpt::apps
