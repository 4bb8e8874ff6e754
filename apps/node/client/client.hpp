// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The shell commands that ask a resident node for something: publish, commit, status, versions, rollback, drop.

namespace ckpt::apps {

/// True when the first argument is one of these commands.
[[nodiscard]] bool is_client_command(int argc, const char* const* argv) noexcept;

/// Asks, prints the answer as JSON, and returns the exit status: that of the update where it waits for one.
[[nodiscard]] int run_client_command(int argc, const char* const* argv);

} // namespace ckpt::apps
