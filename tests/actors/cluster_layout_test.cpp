// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster_layout.hpp"

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

TEST(cluster_layout, of_one_engine_over_two_hosts_is_led_by_the_first) {
  const cluster_layout layout{4, 1, 8, 16};
  EXPECT_EQ(layout.rank_count(), 32u);
  EXPECT_EQ(layout.engine_count(), 2u);
  EXPECT_TRUE(layout.spans_hosts(0));
  EXPECT_EQ(layout.hosts_of_engine(1).begin, 2u);
  EXPECT_EQ(layout.hosts_of_engine(1).end, 4u);
  EXPECT_EQ(layout.leader_of_engine(1), 2u);
  EXPECT_EQ(layout.engines_led_by(0).size(), 1u);
  EXPECT_EQ(layout.engines_led_by(1).size(), 0u);
  EXPECT_EQ(layout.engines_led_by(2).begin, 1u);
  EXPECT_EQ(layout.engines_on_host(1).begin, 0u);
  EXPECT_EQ(layout.engines_on_host(1).end, 1u);
}

TEST(cluster_layout, of_several_engines_a_host_keeps_each_on_its_host) {
  const cluster_layout layout{2, 0, 8, 4};
  EXPECT_EQ(layout.engine_count(), 4u);
  EXPECT_FALSE(layout.spans_hosts(3));
  EXPECT_EQ(layout.engines_led_by(1).begin, 2u);
  EXPECT_EQ(layout.engines_led_by(1).end, 4u);
  EXPECT_EQ(layout.engine_of_rank(9), 2u);
}

TEST(cluster_layout, without_some_hosts_keeps_whole_engines_only) {
  const auto left_by = [](const cluster_layout& layout, std::uint32_t absent) {
    return hosts_of_whole_engines(layout, [=](std::uint32_t host) { return host != absent; });
  };
  using hosts = std::vector<std::uint32_t>;
  EXPECT_EQ(left_by({4, 0, 4, 2}, 2), (hosts{0, 1, 3})) << "engines on one host each";
  EXPECT_EQ(left_by({4, 0, 4, 8}, 2), (hosts{0, 1})) << "engines on two hosts each";
  EXPECT_EQ(left_by({3, 0, 4, 6}, 2), hosts{}) << "host 1 has parts of both engines";
  EXPECT_EQ(left_by({3, 0, 2, 2}, 3), (hosts{0, 1, 2}));
  const auto fewer = among({4, 3, 4, 2}, {0, 1, 3});
  EXPECT_EQ(fewer.hosts, 3u);
  EXPECT_EQ(fewer.host, 2u);
  EXPECT_EQ(fewer.engine_count(), 6u);
}

/// Every engine has one leader and every rank one host and one engine, whatever the numbers are.
TEST(cluster_layout, counts_every_engine_and_every_rank_once) {
  for (std::uint32_t hosts = 1; hosts <= 6; ++hosts)
    for (std::uint32_t devices = 1; devices <= 6; ++devices)
      for (std::uint32_t per_engine = 1; per_engine <= hosts * devices; ++per_engine) {
        const cluster_layout layout{hosts, 0, devices, per_engine};
        if (layout.rank_count() % per_engine != 0) {
          EXPECT_THROW(require_whole_engines(layout), std::invalid_argument);
          continue;
        }
        require_whole_engines(layout);
        std::uint32_t led = 0;
        for (std::uint32_t host = 0; host < hosts; ++host) {
          EXPECT_EQ(layout.engines_led_by(host).begin, led);
          led = layout.engines_led_by(host).end;
          for (auto engine = layout.engines_led_by(host).begin; engine < led; ++engine) {
            EXPECT_EQ(layout.leader_of_engine(engine), host);
            EXPECT_TRUE(layout.engines_on_host(host).contains(engine));
          }
        }
        EXPECT_EQ(led, layout.engine_count());
      }
}

} // namespace
} // namespace ckpt::actors
