// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Plans for the tensor tables of real models: whole groups, lists in order, every byte in its place, and
// hardly a byte read twice, whatever the bucket size and however the checkpoint is cut into files.

#include "io/plan/bucket_plan.hpp"
#include "tests/io/plan/model_shapes.hpp"
#include "tests/io/plan/plan_checks.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t file_bytes = 4'300'000'000;

struct model {
  const char* name;
  std::vector<model_tensor> (*make)(int layers);
  int layers;
  friend void PrintTo(const model& each, std::ostream* out) { *out << each.name; }
};

class model_plan : public testing::TestWithParam<model> {
protected:
  static void check(const checkpoint& source) {
    const auto bonds = bonds_of(source);
    for (const std::uint64_t bucket_bytes : {4096ull, 64ull * mib, 0ull}) {
      SCOPED_TRACE("buckets of " + std::to_string(bucket_bytes));
      const plan_options options{bucket_bytes, 4 * mib, 16, 8};
      const auto plan = plan_buckets(source, options);
      ASSERT_NO_FATAL_FAILURE(check_shape(source, plan, options));
      ASSERT_NO_FATAL_FAILURE(check_lists(source, plan, options));
      ASSERT_NO_FATAL_FAILURE(check_groups(source, plan, bonds));
      ASSERT_NO_FATAL_FAILURE(check_slots(plan));
      ASSERT_NO_FATAL_FAILURE(check_copies(source, plan));
      const auto read_per_byte =
          static_cast<double>(plan.read_bytes) / static_cast<double>(source.tensor_bytes);
      EXPECT_LE(read_per_byte, 1.01);
      RecordProperty("read_per_byte_" + std::to_string(bucket_bytes), std::to_string(read_per_byte));
      EXPECT_LE(plan.ring_bytes, plan.largest.bytes + 2 * plan.bucket_bytes + mib);
      EXPECT_TRUE(plan.divided.empty());
    }
  }
};

TEST_P(model_plan, keeps_groups_whole_and_reads_little_twice) {
  check(cut_into_files(GetParam().make(GetParam().layers), file_bytes));
}

TEST_P(model_plan, holds_where_scales_and_weights_are_in_different_files) {
  check(cut_into_files(GetParam().make(GetParam().layers), file_bytes, true));
}

TEST_P(model_plan, reads_mostly_full_windows) {
  const auto source = cut_into_files(GetParam().make(GetParam().layers), file_bytes);
  const auto plan = plan_buckets(source, {0, 4 * mib});
  std::size_t full = 0;
  for (const auto& chunk : plan.chunks)
    full += chunk.window.length == 4 * mib ? 1 : 0;
  EXPECT_GE(static_cast<double>(full), 0.95 * static_cast<double>(plan.chunks.size()));
}

INSTANTIATE_TEST_SUITE_P(published, model_plan,
                         testing::Values(model{"deepseek_r1", deepseek_r1, 62},
                                         model{"deepseek_v32", deepseek_v32, 8}, model{"kimi_k2", kimi_k2, 8},
                                         model{"glm_45", glm_45, 12}, model{"qwen3_moe", qwen3_moe, 20},
                                         model{"llama_405b", llama_405b, 126}),
                         [](const auto& each) { return std::string{each.param.name}; });

} // namespace
} // namespace ckpt::io
