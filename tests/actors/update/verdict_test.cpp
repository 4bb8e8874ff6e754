// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/verdict.hpp"

#include "tests/support/host_verdicts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

TEST(verdict, on_an_engine_of_two_hosts_takes_both_to_be_updated) {
  const auto all = conclude({}, two_shares(), one_engine_on_two_hosts, "v7");
  ASSERT_EQ(all.engines.size(), 1u);
  EXPECT_EQ(all.engines[0].serves, served_weights::updated);
  EXPECT_EQ(all.engines[0].endpoint, "A");
  EXPECT_EQ(all.engines[0].why, "");
  EXPECT_EQ(all.engines[0].bytes, 90u) << "what all its workers have";
  EXPECT_EQ(merge_stages(all.hosts).at(0).bytes, 100u);
  EXPECT_EQ(merge_stages(all.hosts).at(0).busy_seconds, 2.0);

  auto hosts = two_shares();
  hosts[1].engines[0].finished = false;
  hosts[0].engines[0].closed = false;
  const auto half = conclude({ec::engine_failed, "worker 1 failed", 0}, hosts, one_engine_on_two_hosts, {});
  EXPECT_EQ(half.engines[0].serves, served_weights::mixed);
  EXPECT_EQ(half.engines[0].why, "worker 1 failed");
}

TEST(verdict, is_never_success_for_an_engine_that_is_not_through) {
  for (const auto missing : {&engine_share::finished, &engine_share::closed}) {
    auto hosts = two_shares();
    hosts[0].engines[0].*missing = false;
    const auto verdict = conclude({}, hosts, one_engine_on_two_hosts, {});
    EXPECT_EQ(verdict.first_cause.code, ec::unspecified);
    EXPECT_EQ(verdict.first_cause.what,
              "engine A: it has not come to the end of the update, and nobody says why");
  }
}

TEST(verdict, says_unknown_of_an_engine_with_a_lost_host_unless_it_is_known_to_be_mixed) {
  auto hosts = two_shares();
  hosts.pop_back();
  hosts[0].engines[0] = {};
  hosts[0].engines[0].endpoint = "A";
  const cause lost{ec::host_lost, "host 1 was lost"};
  EXPECT_EQ(conclude(lost, hosts, one_engine_on_two_hosts, {}).engines[0].serves, served_weights::unknown);
  hosts[0].engines[0].listed = true;
  EXPECT_EQ(conclude(lost, hosts, one_engine_on_two_hosts, {}).engines[0].serves, served_weights::mixed);
}

TEST(verdict, is_unknown_where_all_was_taken_and_nothing_confirms_it) {
  auto hosts = two_shares();
  hosts[0].engines[0].answered = hosts[0].engines[0].closed = false;
  const cause lost{ec::engine_failed, "engine A was lost during the update", 0};
  const auto served = [&](const char* before, const char* after) {
    hosts[0].engines[0].account.version_before = before;
    hosts[0].engines[0].account.version_after = after;
    return conclude(lost, hosts, one_engine_on_two_hosts, "v7").engines[0].serves;
  };
  EXPECT_EQ(served("", ""), served_weights::unknown);
  EXPECT_EQ(served("v6", ""), served_weights::unknown);
  EXPECT_EQ(served("v6", "v6"), served_weights::unknown);
  EXPECT_EQ(served("v6", "v7"), served_weights::updated) << "it says so itself";
  EXPECT_EQ(served("v7", "v7"), served_weights::unknown) << "it said so before";
  hosts[0].engines[0].answered = true;
  EXPECT_EQ(served("v6", "v6"), served_weights::unknown) << "it says the opposite of its success";
  hosts[0].engines[0].finished = false;
  EXPECT_EQ(served("v6", "v6"), served_weights::mixed);
}

TEST(verdict, repeats_neither_what_a_worker_said_nor_what_it_was_told) {
  auto hosts = two_shares();
  hosts[0].engines[0].closed = hosts[0].engines[0].finished = false;
  cause why{ec::engine_failed, "worker 1 failed while it loaded bucket 2:\nRuntimeError: no room", 0};
  why.detail = "Traceback (most recent call last):\n  File \"x.py\"\nRuntimeError: no room\n";
  const auto reason = [&](const std::string& said) {
    hosts[0].engines[0].account.said = said;
    return conclude(why, hosts, one_engine_on_two_hosts, "v7").engines[0].why;
  };
  EXPECT_EQ(reason(""), why.what);
  EXPECT_EQ(reason("update failed: RuntimeError: no room"), why.what);
  EXPECT_EQ(reason(std::string{abort_words} + "worker 1 failed"), why.what);
  EXPECT_EQ(reason("the disk is on fire"), why.what + "\nthe server said: the disk is on fire");
}

TEST(verdict, of_a_host_that_is_not_the_first_is_on_the_engines_that_it_leads) {
  const cluster_layout two_engines{2, 1, 1, 1};
  auto hosts = two_shares();
  hosts[1].engines[0].engine = 1;
  hosts[1].engines[0].endpoint = "B";
  hosts[1].engines[0].answered = hosts[1].engines[0].closed = true;
  const auto verdict = conclude({}, {hosts[1]}, two_engines, {});
  ASSERT_EQ(verdict.engines.size(), 1u);
  EXPECT_EQ(verdict.engines[0].endpoint, "B");
  EXPECT_EQ(verdict.engines[0].serves, served_weights::updated);
}

TEST(verdict, quotes_the_server_unless_it_only_says_back_what_it_was_told) {
  const auto why_of_first = [](std::string said, int failed_engine, ec code = ec::timed_out) {
    auto hosts = two_shares();
    hosts[0].engines[0].closed = hosts[0].engines[0].answered = false;
    hosts[0].engines[0].account.said = std::move(said);
    hosts[1].engines[0].engine = 1;
    const cluster_layout two_engines{2, 0, 1, 1};
    return conclude({code, "a worker failed", failed_engine}, hosts, two_engines, {}).engines[0].why;
  };
  const auto echo = "HTTP 400: " + std::string{abort_words} + "a worker failed";
  EXPECT_EQ(why_of_first("HTTP 400: no memory", 0), "a worker failed\nthe server said: HTTP 400: no memory");
  EXPECT_EQ(why_of_first("HTTP 400: no memory", 1),
            "given up because a worker failed\nthe server said: HTTP 400: no memory");
  EXPECT_EQ(why_of_first(echo, 0), "a worker failed");
  EXPECT_EQ(why_of_first(echo, 1), "given up because a worker failed");
  EXPECT_EQ(why_of_first("failed", 0), "a worker failed") << "the cause says it already";
  const auto more = echo + "; worker 1: no memory";
  EXPECT_EQ(why_of_first(more, 0, ec::engine_failed), "a worker failed\nthe server said: " + more)
      << "nobody else knows why that worker closed without a word";
}

TEST(verdict, shows_bytes_in_the_unit_that_fits) {
  EXPECT_EQ(describe_bytes(0), "0 B");
  EXPECT_EQ(describe_bytes(1023), "1023 B");
  EXPECT_EQ(describe_bytes(1536), "1.50 KiB");
  EXPECT_EQ(describe_bytes(3ull << 40), "3.00 TiB");
  EXPECT_EQ(describe_bytes(5000ull << 40), "5000.00 TiB");
}

} // namespace
} // namespace ckpt::actors
