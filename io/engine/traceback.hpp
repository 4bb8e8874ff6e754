// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The error text of an engine's worker: a Python traceback, of which people want the end, and a report all.
// Pure; any thread.

#include <string>
#include <string_view>

namespace ckpt::io {

/// Its last lines, without those that only underline others: where it was raised, and what.
[[nodiscard]] std::string last_words_of_traceback(std::string_view text);

/// All of it, for a report; only of an absurdly long one (64 KiB) the beginning is left out.
[[nodiscard]] std::string whole_traceback(std::string_view text);

} // namespace ckpt::io
