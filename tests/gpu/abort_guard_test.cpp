// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/abort_guard.hpp"

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

void give_up(void*) { std::abort(); }
void count(void* counter) { ++*static_cast<int*>(counter); }

TEST(abort_guard, survives_again_and_again) {
  install_abort_guard();
  int calls = 0;
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_FALSE(survives_abort(give_up, nullptr));
    EXPECT_TRUE(survives_abort(count, &calls));
  }
  EXPECT_EQ(calls, 3);
}

TEST(abort_guard_death, an_abort_elsewhere_still_ends_the_process) {
  EXPECT_EXIT(
      {
        install_abort_guard();
        int calls = 0;
        static_cast<void>(survives_abort(count, &calls));
        std::abort();
      },
      testing::KilledBySignal(SIGABRT), "");
}

} // namespace
} // namespace ckpt::gpu
