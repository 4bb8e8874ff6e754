// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/proofs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

using testing::HasSubstr;

const io::engine_checksums held{{{"a", "00"}, {"b", "01"}}, {{"a", "02"}, {"b", "03"}}};

const expected_proof expected{held, "the earlier report", false};

/// One host for each engine, which says that it holds these.
std::vector<host_verdict> hosts_of(const std::vector<io::engine_checksums>& engines) {
  std::vector<host_verdict> hosts;
  for (std::uint32_t index = 0; index < engines.size(); ++index) {
    engine_share share;
    share.engine = index;
    share.endpoint = "http://engine-" + std::to_string(index);
    share.account.proof.digest = io::digest(engines[index]);
    share.account.proof.parameters = io::count_parameters(engines[index]);
    host_verdict host;
    host.host = index;
    host.engines.push_back(share);
    hosts.push_back(host);
  }
  return hosts;
}

const engine_proof& proof_of(const std::vector<host_verdict>& hosts, std::size_t host) {
  return hosts[host].engines[0].account.proof;
}

TEST(proofs, of_engines_that_hold_the_same_are_good) {
  auto hosts = hosts_of({held, held});
  EXPECT_EQ(judge_proofs(hosts, expected).code, ec::none);
  EXPECT_EQ(proof_of(hosts, 1).failed, "");
  EXPECT_TRUE(proof_of(hosts, 1).digest.empty()) << "nobody needs it any more";
}

TEST(proofs, name_the_engine_the_rank_and_the_parameter_that_differ) {
  auto other = held;
  other[1]["b"] = "04";
  auto hosts = hosts_of({held, other});
  const auto why = judge_proofs(hosts, expected);
  EXPECT_EQ(why.code, ec::engine_failed);
  EXPECT_EQ(why.engine, 1);
  EXPECT_THAT(why.what, HasSubstr("engine http://engine-1: "));
  EXPECT_THAT(why.what, HasSubstr("rank 1: b"));
  EXPECT_TRUE(proof_of(hosts, 1).differs);
  EXPECT_FALSE(proof_of(hosts, 0).differs);
}

TEST(proofs, are_missing_where_an_engine_could_not_be_asked) {
  auto hosts = hosts_of({held, {}});
  hosts[1].engines[0].account.proof.failed = "no answer";
  const auto why = judge_proofs(hosts, expected);
  EXPECT_EQ(why.what, "engine http://engine-1: no answer");
  EXPECT_FALSE(proof_of(hosts, 1).differs) << "nothing is known of what it holds";
}

TEST(proofs, are_not_asked_of_an_engine_that_cannot_tell) {
  auto hosts = hosts_of({held, {}});
  EXPECT_EQ(judge_proofs(hosts, expected).code, ec::none);
}

TEST(proofs, of_engines_that_differ_among_themselves_leave_all_of_them_in_doubt) {
  auto other = held;
  other[0]["a"] = "ff";
  auto hosts = hosts_of({held, held, other});
  const auto why = judge_proofs(hosts, {held, "engine http://engine-0", true});
  EXPECT_EQ(why.code, ec::engine_failed);
  for (std::size_t host = 0; host < hosts.size(); ++host)
    EXPECT_TRUE(proof_of(hosts, host).differs) << host;
  EXPECT_THAT(proof_of(hosts, 0).failed,
              HasSubstr("nothing tells which is right: engine http://engine-2 differs"));
  EXPECT_THAT(proof_of(hosts, 2).failed, HasSubstr("compared with engine http://engine-0"));
}

TEST(proofs, are_remarked_on_where_there_is_nothing_to_compare_with) {
  auto hosts = hosts_of({{}, held});
  EXPECT_EQ(judge_proofs(hosts, {}).code, ec::none);
  EXPECT_THAT(hosts[1].engines[0].account.remarks.at(0), HasSubstr("no engine on host 0 tells checksums"));
}

} // namespace
} // namespace ckpt::actors
