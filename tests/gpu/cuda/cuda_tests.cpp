// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// main() of the tests that need a GPU. Where there is none they are skipped all at once, which is said once.

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "tests/support/broadcasting_host.hpp"
#include "tests/support/ring_worker.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

/// What CTest takes for a skipped test.
constexpr int skipped = 77;

} // namespace

int main(int argc, char** argv) {
  using namespace ckpt::tests;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const bool only_lists = std::ranges::count(words, "--gtest_list_tests") > 0;
  try {
    if (!only_lists && !has_role(argc, argv))
      std::ignore = ckpt::gpu::count_gpus();
  } catch (const ckpt::gpu::cuda_error& error) {
    std::printf("skipped: %s\n", error.what());
    return skipped;
  }
  return run_tests_or_role(
      argc, argv,
      {{ring_worker::role, ring_worker::play}, {broadcasting_host::role, broadcasting_host::play}});
}
