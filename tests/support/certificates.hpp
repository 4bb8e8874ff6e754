// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Certificates as apps/make-certificates.sh makes them.

#include "io/tls_context.hpp"

#include <filesystem>
#include <string>

namespace ckpt::tests {

/// An authority in `directory`, if there is none yet, and a certificate for these names and addresses,
/// separated by commas. The first one names the files.
[[nodiscard]] io::tls_files make_certificate(const std::filesystem::path& directory,
                                             const std::string& names);

} // namespace ckpt::tests
