// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Hosts that broadcast buckets as the pipeline does, over whatever collective they have, and look whether
// every byte arrives. A host has collective(), device_count(), write(), holds() and end_collective().

#include "gpu/collective.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ckpt::tests {

/// How far a queue got when `last` was complete, or something failed, or nobody would wait any longer.
gpu::queue_progress wait_for(auto& queue, gpu::ticket last) {
  using namespace std::chrono_literals;
  gpu::queue_progress progress;
  for (int turn = 0; turn < 300 && progress.completed < last && !progress.failure; ++turn)
    progress = queue.wait(progress.completed, 100ms);
  return progress;
}

/// What failed within half a minute; empty if nothing did.
std::string wait_for_failure(auto& queue) {
  const auto progress = wait_for(queue, ~gpu::ticket{0});
  return progress.failure ? progress.failure->what : std::string{};
}

struct bucket {
  std::uint32_t root = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What stands at `position` of a bucket.
inline std::byte byte_at(std::uint64_t bucket, std::uint64_t position) {
  return static_cast<std::byte>((position * 31 + bucket * 131) >> 3 ^ position);
}

/// What the pipeline of one host does: a bucket is broadcast when its slot is free, which is when all local
/// devices have had what was in it. Returns what went wrong.
template <class Host>
std::string play_host(Host& host, std::uint32_t number, const std::vector<bucket>& buckets,
                      std::uint64_t slots) {
  const auto devices = host.device_count();
  const auto check = [&](std::uint64_t done) -> std::string {
    if (const auto progress = wait_for(host.collective(), done + 1); progress.completed <= done)
      return "bucket " + std::to_string(done)
             + " never came: " + (progress.failure ? progress.failure->what : "no failure");
    for (std::uint32_t device = 0; device < devices; ++device)
      if (!host.holds(device, buckets[done].offset, buckets[done].length, done))
        return "bucket " + std::to_string(done) + " differs on device " + std::to_string(device);
    return {};
  };
  for (std::uint64_t next = 0; next < buckets.size() + slots; ++next) {
    if (next >= slots)
      if (auto wrong = check(next - slots); !wrong.empty())
        return "host " + std::to_string(number) + ": " + wrong;
    if (next >= buckets.size())
      continue;
    const auto& [root, offset, length] = buckets[next];
    if (root / devices == number)
      host.write(root % devices, offset, length, next);
    if (host.collective().broadcast(root, offset, length) != next + 1)
      return "bucket " + std::to_string(next) + " got another ticket";
  }
  return {};
}

/// All hosts at once; every one in a thread of its own, as in a process of its own, to the end: one
/// that stayed would let the others wait for its goodbye.
template <class Host>
void expect_all_arrive(std::vector<std::unique_ptr<Host>>& hosts, const std::vector<bucket>& buckets,
                       std::uint64_t slots) {
  std::vector<std::future<std::string>> players;
  for (std::uint32_t host = 0; host < hosts.size(); ++host)
    players.push_back(std::async(std::launch::async, [&, host] {
      auto wrong = play_host(*hosts[host], host, buckets, slots);
      hosts[host]->end_collective();
      return wrong;
    }));
  for (auto& player : players)
    EXPECT_EQ(player.get(), "");
}

/// Broadcasts from rank 0 until `count` are issued, each as soon as its slot is free, and stops at a failure.
inline gpu::queue_progress broadcast_many(gpu::collective& hosts, gpu::ticket count, std::uint64_t slots,
                                          std::uint64_t slot_bytes) {
  gpu::queue_progress progress;
  for (gpu::ticket next = 1; next <= count && !progress.failure; ++next) {
    if (next > slots)
      progress = wait_for(hosts, next - slots);
    hosts.broadcast(0, next % slots * slot_bytes, slot_bytes);
  }
  return progress;
}

} // namespace ckpt::tests
