// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the report of an earlier update says of what the engines held after it. A report is a file from
// anywhere: it is read without trusting it.

#include "io/engine/engine_api.hpp"
#include "io/engine/engine_checksums.hpp"

#include <cstddef>
#include <filesystem>

namespace ckpt::apps {

/// The checksums of the first engine that has some there. Throws std::invalid_argument that names the file
/// when it is no report of a good update with checksums, or not of that kind of engine with so many workers.
[[nodiscard]] io::engine_checksums read_earlier_checksums(const std::filesystem::path& report,
                                                          io::engine_kind engine, std::size_t rank_count);

} // namespace ckpt::apps
