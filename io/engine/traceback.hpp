// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The error text of an engine's worker, a Python traceback. Users need its end, the report gets all. Pure;
// any thread.

#include <string>
#include <string_view>

namespace ckpt::io {

/// The last lines, which say what was raised and where; lines that only underline others are left out.
[[nodiscard]] std::string last_words_of_traceback(std::string_view text);

/// All of it, for the report. Of a text longer than 64 KiB the beginning is cut off.
[[nodiscard]] std::string whole_traceback(std::string_view text);

} // namespace ckpt::io
