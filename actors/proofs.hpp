// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether the engines of an update hold what they should, by the checksums that they gave. Pure; any thread.

#include "actors/verdict.hpp"
#include "io/engine_checksums.hpp"

#include <cstddef>
#include <vector>

#include <boost/json/value.hpp>

namespace ckpt::actors {

/// Compares the digest of each engine in `hosts`, whose update was good, with `expected`, writes down what is
/// wrong with it, and drops the digests. Returns the first failure. `expected` is empty where no engine on
/// host 0 can tell.
[[nodiscard]] cause judge_proofs(std::vector<host_verdict>& hosts, const io::engine_checksums& expected);

/// As it stands in the report; null when there is none. Of engines that other hosts lead the checksums are
/// not known here: this host names its own ones first, and this is engine number `index`.
[[nodiscard]] boost::json::value describe_proof(const engine_proof& proof, std::size_t index,
                                                const update& context);

} // namespace ckpt::actors
