// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keys come from files: every user of a machine can see command lines.

#include <string>

namespace ckpt::apps {

/// The first line of the file, without blanks at its end. Throws std::invalid_argument that names `flag`.
[[nodiscard]] std::string read_key_file(const std::string& flag, const std::string& path);

} // namespace ckpt::apps
