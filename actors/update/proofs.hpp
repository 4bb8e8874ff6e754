// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks by their checksums whether the engines of an update hold what they should. Pure; any thread.

#include "actors/update/verdict.hpp"
#include "io/engine/engine_checksums.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ckpt::actors {

/// The checksums that engines have to hold, and their source: "the earlier report", "engine URL".
struct expected_proof {
  io::engine_checksums checksums; ///< empty where no engine on host 0 reports any
  std::string source;
  bool is_of_this_update = true; ///< `source` is one of its engines, and may itself be wrong
};

/// Compares the digest of each engine in `hosts` with `expected`, notes what is wrong with it, and drops the
/// digests. Call it after a good update. Returns the first failure. Where engines of this update differ among
/// themselves, all of them are in doubt. Engines without anything to compare with get a remark.
[[nodiscard]] cause judge_proofs(std::vector<host_verdict>& hosts, const expected_proof& expected);

} // namespace ckpt::actors
