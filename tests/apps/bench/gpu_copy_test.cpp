// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// That the measurement copies what it says it measures, on simulated GPUs: see tests/stand_in. How fast they
// are means nothing.

#include "apps/bench/gpu_copy.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::bench {
namespace {

constexpr std::uint64_t mib = 1 << 20;

gpu_copy_options small() {
  gpu_copy_options options;
  options.bytes = 37 * mib + 5; // No multiple of a chunk, and more than the ring holds.
  options.rounds = 3;
  options.gpu = 1;
  options.chunk_bytes = mib;
  options.bucket_bytes = 8 * mib;
  options.host_memory_bytes = 6 * mib;
  return options;
}

TEST(gpu_copy, copies_all_bytes_of_every_round_from_registered_memory) {
  const auto before = stand_in::current_statistics();
  const auto options = small();
  bench_report report;
  measure_gpu_copy(options, report);
  const auto after = stand_in::current_statistics();
  ASSERT_EQ(report.measured.size(), 2u);
  for (const auto& each : report.measured)
    EXPECT_EQ(each.rounds.size(), options.rounds) << each.name;
  EXPECT_THAT(report.remarks, testing::ElementsAre(testing::HasSubstr("GPU 1")));
  EXPECT_EQ(after.registered_bytes - before.registered_bytes, 2 * (options.rounds + 1) * options.bytes);
  EXPECT_EQ(after.pageable_bytes - before.pageable_bytes, 15 * mib + 5)
      << "only to verify what the ring's 16 places hold";
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.registrations, before.registrations);
}

TEST(gpu_copy, that_fails_is_an_error_with_the_gpus_name) {
  stand_in::fail_copy(20);
  bench_report report;
  try {
    measure_gpu_copy(small(), report);
    FAIL() << "a copy failed";
  } catch (const gpu::cuda_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("GPU 1"));
  }
}

} // namespace
} // namespace ckpt::apps::bench
