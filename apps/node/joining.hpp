// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A host that takes its weights from the memory of other hosts: --load-metas-file. peers.hpp is the side that
// has them.

#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/prepare.hpp"

namespace ckpt::apps {

/// Reaches the hosts of `options.peers.sources`, and plans from their tables. Puts their path, sizes and
/// patterns into `options`. What none of them has is to come from the files at `options.checkpoint_path`, see
/// own_copy.hpp; their headers are read for up to 30 s, or --timeout if that is less, and then they are read
/// for up to --timeout a read. Everything else takes about --timeout at most. Errors are in the result.
[[nodiscard]] opened_version join(actor_runtime& runtime, node_options& options, const signal_guard& signals);

} // namespace ckpt::apps
