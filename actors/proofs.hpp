// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether the engines of an update hold what they should, by the checksums that they gave. Pure; any thread.

#include "actors/verdict.hpp"
#include "io/engine_checksums.hpp"

#include <vector>

namespace ckpt::actors {

/// Compares the digest of each engine in `hosts`, whose update was good, with `expected`, writes down what is
/// wrong with it, and drops the digests. Returns the first failure. `expected` is empty where no engine on
/// host 0 can tell.
[[nodiscard]] cause judge_proofs(std::vector<host_verdict>& hosts, const io::engine_checksums& expected);

} // namespace ckpt::actors
