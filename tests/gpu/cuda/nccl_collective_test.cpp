// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Broadcasts among GPUs, on simulated ones: see tests/stand_in. Hosts are threads: nccl_hosts_test has
// them in processes. That the destructors come back at all is part of every test.

#include "gpu/cuda/nccl_collective.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "tests/stand_in/stand_in.hpp"
#include "tests/support/gpu_host.hpp"

#include <future>
#include <random>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::bucket;
using tests::expect_all_arrive;
using tests::gpu_host;
using tests::wait_for;
using tests::wait_for_failure;

constexpr std::uint64_t slot_bytes = 300'000;
constexpr std::uint64_t slots = 5;
constexpr std::uint64_t ring_bytes = slots * slot_bytes;

using gpu_hosts = std::vector<std::unique_ptr<gpu_host>>;

/// As the coordinator does before each update.
void connect_all(gpu_hosts& hosts) {
  const auto first = hosts[0]->collective().address();
  const auto connection = hosts[0]->collective().connection();
  const bool stay = !connection.empty() && std::ranges::all_of(hosts, [&](const auto& host) {
    return host->collective().connection() == connection;
  });
  const auto count = static_cast<std::uint32_t>(hosts.size());
  for (std::uint32_t host = 0; host < count; ++host)
    hosts[host]->collective().connect({host, count, {}, {}, {}, first, stay});
}

gpu_hosts connected_hosts(std::uint32_t count, std::uint32_t devices_each) {
  gpu_hosts hosts;
  for (std::uint32_t host = 0; host < count; ++host)
    hosts.push_back(std::make_unique<gpu_host>(host * devices_each, devices_each, count, ring_bytes));
  connect_all(hosts);
  return hosts;
}

std::vector<bucket> random_buckets(std::mt19937& random, std::uint32_t ranks, std::size_t count) {
  const std::vector<std::uint64_t> edges{1, 4095, 4096, 4097, slot_bytes};
  std::vector<bucket> buckets;
  for (std::size_t number = 0; number < count; ++number) {
    const auto length = random() % 2 == 0 ? edges[random() % edges.size()] : 1 + random() % slot_bytes;
    buckets.push_back({static_cast<std::uint32_t>(random() % ranks), number % slots * slot_bytes, length});
  }
  return buckets;
}

struct shape {
  std::uint32_t hosts;
  std::uint32_t devices;
};

void PrintTo(const shape& one, std::ostream* out) { *out << one.hosts << " x " << one.devices << " GPUs"; }

class nccl_collective_shapes : public testing::TestWithParam<shape> {};

TEST_P(nccl_collective_shapes, brings_every_byte_from_any_rank_to_all_others) {
  const auto [host_count, device_count] = GetParam();
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  auto hosts = connected_hosts(host_count, device_count);
  expect_all_arrive(hosts, random_buckets(random, host_count * device_count, 60), slots);
}

INSTANTIATE_TEST_SUITE_P(nccl_collective, nccl_collective_shapes,
                         testing::Values(shape{1, 1}, shape{1, 2}, shape{1, 4}, shape{2, 1}, shape{2, 2},
                                         shape{4, 1}),
                         [](const auto& one) {
                           return std::to_string(one.param.hosts) + "_hosts_of_"
                                  + std::to_string(one.param.devices);
                         });

TEST(nccl_collective, writes_nothing_before_the_broadcast_is_issued_here) {
  auto hosts = connected_hosts(2, 1);
  hosts[0]->write(0, 0, ring_bytes, 1);
  hosts[1]->write(0, 0, ring_bytes, 2);
  for (std::uint64_t slot = 0; slot < slots; ++slot)
    hosts[0]->collective().broadcast(0, slot * slot_bytes, slot_bytes);
  EXPECT_EQ(hosts[0]->collective().wait(0, 100ms).completed, 0u);
  EXPECT_TRUE(hosts[1]->holds(0, 0, ring_bytes, 2));
  for (std::uint64_t slot = 0; slot < slots; ++slot)
    hosts[1]->collective().broadcast(0, slot * slot_bytes, slot_bytes);
  // One host's work goes on only while somebody waits for it, as in the pipeline.
  auto there = std::async(std::launch::async, [&] { return wait_for(hosts[1]->collective(), slots); });
  EXPECT_EQ(wait_for(hosts[0]->collective(), slots).completed, slots);
  EXPECT_EQ(there.get().completed, slots);
  EXPECT_TRUE(hosts[1]->holds(0, 0, ring_bytes, 1));
}

TEST(nccl_collective, a_host_that_is_done_early_is_no_loss_for_those_that_are_not) {
  auto hosts = connected_hosts(4, 1);
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
    EXPECT_FALSE(progress.failure.has_value()) << progress.failure->what;
  }
}

TEST(nccl_collective, waiting_for_nothing_ends_at_its_deadline) {
  auto hosts = connected_hosts(1, 2);
  EXPECT_EQ(hosts[0]->collective().wait(0, 1ms).completed, 0u);
}

TEST(nccl_collective, refuses_an_id_of_another_length) {
  gpu_host host{0, 1, 2, ring_bytes};
  try {
    host.collective().connect({1, 2, {}, {}, {}, "short"});
    FAIL() << "that was no id";
  } catch (const cuda_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("5 bytes"));
  }
}

TEST(nccl_collective, ends_while_it_still_waits_for_the_other_hosts) {
  gpu_host host{0, 2, 2, ring_bytes};
  host.collective().connect({0, 2, {}, {}, {}, host.collective().address()});
  host.collective().broadcast(0, 0, slot_bytes);
  EXPECT_EQ(host.collective().wait(0, 30ms).completed, 0u);
}

TEST(nccl_collective, ends_with_broadcasts_under_way) {
  auto hosts = connected_hosts(2, 2);
  for (std::uint64_t slot = 0; slot < slots; ++slot)
    hosts[0]->collective().broadcast(0, slot * slot_bytes, slot_bytes);
  for (int turn = 0; turn < 20; ++turn) // Until they are in their streams on one host and wait for the other.
    for (const auto& host : hosts)
      EXPECT_EQ(host->collective().wait(0, 5ms).completed, 0u);
  hosts[0].reset();
  hosts[1]->collective().broadcast(0, 0, slot_bytes);
  EXPECT_THAT(wait_for_failure(hosts[1]->collective()), HasSubstr("remote process"));
}

TEST(nccl_collective, leaves_behind_what_nccl_does_not_end) {
  auto hosts = connected_hosts(2, 1);
  hosts[0]->collective().broadcast(0, 0, slot_bytes);
  EXPECT_EQ(hosts[0]->collective().wait(0, 30ms).completed, 0u);
  EXPECT_FALSE(hosts[0]->collective().is_stuck());
  stand_in::hang_aborts(true);
  hosts[0]->collective().stop();
  stand_in::hang_aborts(false);
  EXPECT_TRUE(hosts[0]->collective().is_stuck());
}

TEST(nccl_collective, tells_of_a_broadcast_that_nccl_refused_and_leaves_nothing_to_later_ones) {
  for (unsigned gpu = 1; gpu <= 2; ++gpu) {
    SCOPED_TRACE("refused for GPU " + std::to_string(gpu - 1));
    auto hosts = connected_hosts(1, 2);
    hosts[0]->collective().broadcast(0, 0, slot_bytes);
    ASSERT_EQ(wait_for(hosts[0]->collective(), 1).completed, 1u);
    stand_in::fail_broadcast(gpu);
    hosts[0]->collective().broadcast(0, 0, slot_bytes);
    EXPECT_THAT(wait_for_failure(hosts[0]->collective()), HasSubstr("ncclBroadcast"));
    hosts = connected_hosts(1, 2);
    hosts[0]->write(0, 0, slot_bytes, 1);
    hosts[0]->collective().broadcast(0, 0, slot_bytes);
    EXPECT_EQ(wait_for(hosts[0]->collective(), 1).completed, 1u);
    EXPECT_TRUE(hosts[0]->holds(1, 0, slot_bytes, 1));
  }
}

TEST(nccl_collective, tells_the_other_hosts_of_a_broadcast_that_nccl_refused_here) {
  auto hosts = connected_hosts(2, 1);
  hosts[0]->collective().broadcast(0, 0, slot_bytes);
  hosts[1]->collective().broadcast(0, 0, slot_bytes);
  auto there = std::async(std::launch::async, [&] { return wait_for(hosts[1]->collective(), 1); });
  ASSERT_EQ(wait_for(hosts[0]->collective(), 1).completed, 1u);
  ASSERT_EQ(there.get().completed, 1u);
  stand_in::fail_broadcast(1);
  hosts[0]->collective().broadcast(0, 0, slot_bytes);
  EXPECT_THAT(wait_for_failure(hosts[0]->collective()), HasSubstr("ncclBroadcast"));
  hosts[1]->collective().broadcast(0, 0, slot_bytes);
  EXPECT_THAT(wait_for_failure(hosts[1]->collective()), HasSubstr("remote process"));
}

/// Two hosts with two GPUs each, and one update after the other.
class nccl_updates : public testing::Test {
protected:
  void begin_update() {
    for (const auto& host : hosts_)
      host->begin_update();
    connect_all(hosts_);
  }
  void expect_an_update_to_arrive() {
    std::mt19937 random{std::random_device{}()};
    const auto buckets = random_buckets(random, 4, 20);
    auto there =
        std::async(std::launch::async, tests::play_host<gpu_host>, std::ref(*hosts_[1]), 1u, buckets, slots);
    EXPECT_EQ(tests::play_host(*hosts_[0], 0, buckets, slots), "");
    EXPECT_EQ(there.get(), "");
  }
  /// Since the last call.
  [[nodiscard]] std::uint64_t communicators_made() {
    const auto now = stand_in::current_statistics().communicators;
    return now - std::exchange(counted_, now);
  }

  std::uint64_t counted_ = stand_in::current_statistics().communicators;
  gpu_hosts hosts_ = connected_hosts(2, 2);
};

TEST_F(nccl_updates, keep_their_communicators) {
  for (int update = 0; update < 5; ++update) {
    SCOPED_TRACE(update);
    expect_an_update_to_arrive();
    EXPECT_EQ(communicators_made(), update == 0 ? 4u : 0u);
    begin_update();
  }
}

TEST_F(nccl_updates, make_them_anew_after_one_that_was_left_unfinished) {
  expect_an_update_to_arrive();
  begin_update();
  hosts_[0]->collective().broadcast(0, 0, slot_bytes); // The other host never does.
  for (const auto& host : hosts_)
    static_cast<void>(host->collective().wait(0, 20ms));
  EXPECT_EQ(communicators_made(), 4u);
  begin_update();
  expect_an_update_to_arrive();
  EXPECT_EQ(communicators_made(), 4u);
}

TEST_F(nccl_updates, make_them_anew_after_a_failure) {
  expect_an_update_to_arrive();
  begin_update();
  stand_in::fail_broadcast(1);
  hosts_[0]->collective().broadcast(0, 0, slot_bytes);
  EXPECT_THAT(wait_for_failure(hosts_[0]->collective()), HasSubstr("ncclBroadcast on GPU 0"));
  EXPECT_EQ(communicators_made(), 4u);
  begin_update();
  expect_an_update_to_arrive();
  EXPECT_EQ(communicators_made(), 4u);
}

TEST_F(nccl_updates, make_them_anew_with_a_host_that_was_replaced) {
  expect_an_update_to_arrive();
  hosts_[1].reset();
  hosts_[1] = std::make_unique<gpu_host>(2, 2, 2, ring_bytes);
  EXPECT_EQ(communicators_made(), 4u);
  begin_update();
  expect_an_update_to_arrive();
  EXPECT_EQ(communicators_made(), 4u);
}

} // namespace
} // namespace ckpt::gpu
