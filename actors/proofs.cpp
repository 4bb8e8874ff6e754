// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/proofs.hpp"

#include "actors/update.hpp"

#include <utility>

#include <boost/json.hpp>

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

boost::json::value describe_proof(const engine_proof& proof, std::size_t index, const update& context) {
  if (proof.parameters == 0)
    return nullptr;
  boost::json::value checksums = nullptr;
  if (index < context.checksums.size())
    checksums = boost::json::value_from(context.checksums[index]);
  return boost::json::object{{"seconds", proof.seconds}, {"checksums", std::move(checksums)}};
}

} // namespace ckpt::actors
