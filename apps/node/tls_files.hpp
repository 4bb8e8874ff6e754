// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks the certificates of this host before it connects to anybody: a bad one would otherwise look like a
// network that does not answer.

#include "apps/node/command_line.hpp"

namespace ckpt::apps {

/// Throws std::invalid_argument that names the file and its fault: it cannot be read, is no certificate or
/// key, has expired, is not valid yet, or the key is another certificate's.
void require_usable(const network_options& network);

} // namespace ckpt::apps
