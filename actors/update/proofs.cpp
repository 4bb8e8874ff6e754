// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/proofs.hpp"

#include <utility>

namespace ckpt::actors {
namespace {

/// How the engine differs; empty when it does not, or when nothing is known.
[[nodiscard]] std::string difference_of(engine_account& account, const expected_proof& expected) {
  const auto digest = std::exchange(account.proof.digest, {});
  if (!account.proof.failed.empty() || digest.empty())
    return {};
  if (expected.checksums.empty()) {
    account.remarks.emplace_back("no engine on host 0 tells checksums to compare with: nothing is proved");
    return {};
  }
  return io::describe_difference(expected.checksums, digest);
}

} // namespace

cause judge_proofs(std::vector<host_verdict>& hosts, const expected_proof& expected) {
  std::string difference;
  for (auto& host : hosts)
    for (auto& share : host.engines) {
      auto& proof = share.account.proof;
      const auto here = difference_of(share.account, expected);
      if (here.empty())
        continue;
      proof.differs = true;
      proof.failed =
          "took all weights, but compared with " + expected.source + " holds others than it should: " + here;
      if (difference.empty())
        difference = "engine " + share.endpoint + " differs: " + here;
    }
  cause first;
  for (auto& host : hosts)
    for (auto& share : host.engines) {
      auto& proof = share.account.proof;
      if (!difference.empty() && expected.is_of_this_update && proof.failed.empty() && proof.parameters > 0) {
        proof.differs = true;
        proof.failed =
            "took all weights, but not all engines hold the same, and nothing tells which is right: "
            + difference;
      }
      if (first.code == ec::none && !proof.failed.empty())
        first = {ec::engine_failed, "engine " + share.endpoint + ": " + proof.failed,
                 static_cast<int>(share.engine)};
    }
  return first;
}

} // namespace ckpt::actors
