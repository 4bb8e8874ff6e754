// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether the engines of an update hold what they should, by the checksums that they gave. Pure; any thread.

#include "actors/update/verdict.hpp"
#include "io/engine/engine_checksums.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ckpt::actors {

/// What engines have to hold, and where that was learnt: "the earlier report", "engine URL".
struct expected_proof {
  io::engine_checksums checksums; ///< empty where no engine on host 0 can tell
  std::string source;
  bool is_of_this_update = true; ///< then nobody knows which of two that differ is right
};

/// Compares the digest of each engine in `hosts`, whose update was good, with `expected`, writes down what is
/// wrong with it, and drops the digests. Returns the first failure. Where engines of this update differ among
/// themselves, all of them are in doubt. Engines that nothing can be compared with are remarked on.
[[nodiscard]] cause judge_proofs(std::vector<host_verdict>& hosts, const expected_proof& expected);

} // namespace ckpt::actors
