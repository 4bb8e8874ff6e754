// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/fabric_collective.hpp"

#include "tests/support/fabric_host.hpp"

#include <algorithm>
#include <future>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using tests::bucket;
using tests::connected_hosts;
using tests::expect_all_arrive;
using tests::fabric_host;
using tests::fabric_secret;
using tests::loopback_options;
using tests::wait_for;

constexpr std::uint64_t slot_bytes = 300'000; ///< several pieces and an odd tail
constexpr std::uint64_t slots = 5;
constexpr std::uint64_t ring_bytes = slots * slot_bytes;

std::vector<bucket> random_buckets(std::mt19937& random, std::uint32_t ranks, std::size_t count) {
  const auto piece = loopback_options().piece_bytes;
  const std::vector<std::uint64_t> edges{0, 1, piece - 1, piece, piece + 1, 2 * piece, slot_bytes};
  std::vector<bucket> buckets;
  for (std::size_t number = 0; number < count; ++number) {
    const auto length = random() % 2 == 0 ? edges[random() % edges.size()] : random() % (slot_bytes + 1);
    buckets.push_back({static_cast<std::uint32_t>(random() % ranks), number % slots * slot_bytes, length});
  }
  return buckets;
}

struct cluster_shape {
  std::uint32_t hosts;
  std::uint32_t devices;
};

class fabric_collective_shapes : public testing::TestWithParam<cluster_shape> {};

TEST_P(fabric_collective_shapes, brings_every_byte_from_any_rank_to_all_others) {
  const auto [host_count, device_count] = GetParam();
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  auto hosts = connected_hosts(host_count, device_count, ring_bytes);
  expect_all_arrive(hosts, random_buckets(random, host_count * device_count, 60), slots);
}

INSTANTIATE_TEST_SUITE_P(fabric_collective, fabric_collective_shapes,
                         testing::Values(cluster_shape{1, 1}, cluster_shape{1, 3}, cluster_shape{2, 1},
                                         cluster_shape{2, 2}, cluster_shape{3, 1}, cluster_shape{3, 3},
                                         cluster_shape{4, 1}, cluster_shape{4, 2}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.hosts) + "_hosts_of_"
                                  + std::to_string(shape.param.devices);
                         });

TEST(fabric_collective, writes_nothing_before_the_broadcast_is_issued_here) {
  auto hosts = connected_hosts(2, 1, ring_bytes);
  std::ranges::fill(hosts[0]->ring(), std::byte{7});
  std::ranges::fill(hosts[1]->ring(), std::byte{9});
  for (std::uint64_t slot = 0; slot < slots; ++slot)
    hosts[0]->collective().broadcast(0, slot * slot_bytes, slot_bytes);
  EXPECT_EQ(hosts[0]->collective().wait(0, 100ms).completed, 0u) << "host 1 has not allowed it";
  const auto is = [&](std::byte value) { return [value](std::byte found) { return found == value; }; };
  EXPECT_TRUE(std::ranges::all_of(hosts[1]->ring(), is(std::byte{9})));
  for (std::uint64_t slot = 0; slot < slots; ++slot)
    hosts[1]->collective().broadcast(0, slot * slot_bytes, slot_bytes);
  EXPECT_EQ(wait_for(hosts[0]->collective(), slots).completed, slots);
  EXPECT_EQ(wait_for(hosts[1]->collective(), slots).completed, slots);
  EXPECT_TRUE(std::ranges::all_of(hosts[1]->ring(), is(std::byte{7})));
}

TEST(fabric_collective, a_broadcast_that_waits_for_one_host_does_not_keep_back_an_older_one) {
  // Host 1 allows only the first broadcast, which must pass host 0 while that is full of what is not allowed.
  auto hosts = connected_hosts(3, 1, ring_bytes);
  for (std::uint64_t slot = 1; slot < slots; ++slot)
    for (const auto host : {0u, 2u})
      hosts[host]->collective().broadcast(slot == 1 ? 2 : 0, (slot - 1) * slot_bytes, slot_bytes);
  EXPECT_EQ(hosts[0]->collective().wait(0, 100ms).completed, 0u);
  hosts[1]->collective().broadcast(2, 0, slot_bytes);
  for (const auto& host : hosts)
    EXPECT_EQ(wait_for(host->collective(), 1).completed, 1u);
}

TEST(fabric_collective, a_host_that_is_done_early_is_no_loss_for_those_that_are_not) {
  auto hosts = connected_hosts(3, 1, ring_bytes);
  std::vector<std::future<queue_progress>> players;
  for (auto& host : hosts)
    players.push_back(std::async(std::launch::async, [&host] {
      for (std::uint64_t slot = 0; slot < slots; ++slot)
        host->collective().broadcast(0, slot * slot_bytes, slot_bytes);
      auto progress = wait_for(host->collective(), slots);
      host->end_collective();
      return progress;
    }));
  for (auto& player : players) {
    const auto progress = player.get();
    EXPECT_EQ(progress.completed, slots);
    EXPECT_FALSE(progress.failure.has_value());
  }
}

TEST(fabric_collective, waiting_for_nothing_ends_at_its_deadline) {
  auto hosts = connected_hosts(2, 1, ring_bytes);
  EXPECT_EQ(hosts[0]->collective().wait(0, 1ms).completed, 0u);
}

TEST(fabric_collective, refuses_a_ring_that_makes_no_sense) {
  fabric_host host{1, ring_bytes};
  EXPECT_THROW(host.collective().connect({2, 2, host.address(), host.address(), fabric_secret}),
               fabric_error);
  EXPECT_THROW(host.collective().connect({0, 2, host.address(), host.address(), "short"}), fabric_error);
  for (const std::size_t length : {0u, 10u, 20u})
    EXPECT_THROW(fabric_host(1, ring_bytes)
                     .collective()
                     .connect({0, 2, host.address(), host.address().substr(0, length), fabric_secret}),
                 fabric_error);
}

TEST(message_tag, depends_on_secret_and_broadcast_and_piece) {
  const std::string secret{fabric_secret};
  std::set<std::uint64_t> seen;
  for (const auto& key : {secret, secret + "!"})
    for (ticket broadcast = 0; broadcast < 50; ++broadcast)
      for (std::uint64_t piece = 0; piece < 50; ++piece)
        seen.insert(message_tag(key, broadcast, piece));
  EXPECT_EQ(seen.size(), 2u * 50 * 50);
  EXPECT_EQ(message_tag(secret, 3, 4), message_tag(secret, 3, 4));
}

} // namespace
} // namespace ckpt::gpu
