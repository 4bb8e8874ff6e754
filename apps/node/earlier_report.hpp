// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads the checksums in the report of an earlier update. A report may come from anywhere: it is not trusted.

#include "io/engine/engine_api.hpp"
#include "io/engine/engine_checksums.hpp"

#include <cstddef>
#include <filesystem>

namespace ckpt::apps {

/// The checksums of the first engine that has some in the report. Throws std::invalid_argument that names the
/// file when it is no report of a good update with checksums, or of another kind of engine or number of
/// workers.
[[nodiscard]] io::engine_checksums read_earlier_checksums(const std::filesystem::path& report,
                                                          io::engine_kind engine, std::size_t rank_count);

} // namespace ckpt::apps
