// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/proofs.hpp"

#include <utility>

namespace ckpt::actors {
namespace {

void judge(engine_proof& proof, const io::engine_checksums& expected) {
  const auto digest = std::exchange(proof.digest, {});
  if (!proof.failed.empty() || digest.empty())
    return;
  if (expected.empty()) {
    proof.failed =
        "it could not be proved what it serves: no engine on host 0 tells checksums to compare with";
    return;
  }
  const auto difference = io::describe_difference(expected, digest);
  proof.differs = !difference.empty();
  if (proof.differs)
    proof.failed = "took all weights, but holds others than it should: " + difference;
}

} // namespace

cause judge_proofs(std::vector<host_verdict>& hosts, const io::engine_checksums& expected) {
  cause first;
  for (auto& host : hosts)
    for (auto& share : host.engines) {
      auto& proof = share.account.proof;
      judge(proof, expected);
      if (first.code == ec::none && !proof.failed.empty())
        first = {ec::engine_failed, "engine " + share.endpoint + ": " + proof.failed,
                 static_cast<int>(share.engine)};
    }
  return first;
}

} // namespace ckpt::actors
