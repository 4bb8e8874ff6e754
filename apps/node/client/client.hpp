// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The commands that ask a resident node: publish, commit, cancel, rollback, drop, status, versions, engines,
// hosts, metas.

namespace ckpt::apps {

/// True when the first argument is one of these commands.
[[nodiscard]] bool is_client_command(int argc, const char* const* argv) noexcept;

/// Sends the request, prints the answer as JSON, and returns the exit status (that of an update that it waits
/// for).
[[nodiscard]] int run_client_command(int argc, const char* const* argv);

} // namespace ckpt::apps
