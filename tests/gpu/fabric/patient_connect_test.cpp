// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/patient_connect.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;

/// Fails with each of `errors` in turn, and then succeeds.
struct network {
  std::vector<int> errors;
  std::size_t calls = 0;

  bool operator()() {
    const auto call = calls++;
    if (call >= errors.size())
      return true;
    errno = errors[call];
    return false;
  }
};

TEST(patient_connect, tries_again_where_a_host_is_unreachable_for_a_moment) {
  for (const int error : {EHOSTUNREACH, ENETUNREACH}) {
    network away{{error, ECONNABORTED, error}};
    EXPECT_TRUE(connect_patiently(std::ref(away), 10min));
    EXPECT_EQ(away.calls, 4u);
  }
}

TEST(patient_connect, takes_other_failures_for_final) {
  for (const int error : {ECONNREFUSED, ETIMEDOUT, ECONNABORTED}) {
    network down{{error, error}};
    EXPECT_FALSE(connect_patiently(std::ref(down), 10min));
    EXPECT_EQ(down.calls, 1u);
    EXPECT_EQ(errno, error);
  }
}

TEST(patient_connect, ends_where_a_host_stays_unreachable) {
  std::size_t calls = 0;
  const auto never = [&] {
    ++calls;
    errno = EHOSTUNREACH;
    return false;
  };
  EXPECT_FALSE(connect_patiently(never, 0ms));
  EXPECT_EQ(calls, 2u) << "once, and once more when its time is over";
  EXPECT_EQ(errno, EHOSTUNREACH);
}

} // namespace
} // namespace ckpt::gpu
