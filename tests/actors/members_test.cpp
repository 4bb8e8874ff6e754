// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/members.hpp"

#include <set>

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

TEST(members, names_who_is_missing_and_counts_the_rest) {
  const std::set<std::uint32_t> here{0, 2};
  const auto is_here = [&](std::uint32_t host) { return here.contains(host); };
  EXPECT_EQ(describe_missing(1, is_here), "");
  EXPECT_EQ(describe_missing(3, is_here), "host 1");
  EXPECT_EQ(describe_missing(5, is_here), "hosts 1, 3, 4");
  EXPECT_EQ(describe_missing(20, is_here), "hosts 1, 3, 4, 5, 6, 7, 8, 9 and 10 more");
}

join_request host(std::uint32_t number) {
  join_request request;
  request.host = number;
  request.name = "node" + std::to_string(number);
  request.settings = {{"--bucket-size", "4096"}, {"--weight-version", ""}};
  request.device_uuids = {"GPU-1"};
  return request;
}

TEST(members, that_fit_have_no_misfit) { EXPECT_EQ(describe_misfit(host(0), host(3)), ""); }

TEST(members, names_host_flag_and_both_values_of_a_misfit) {
  auto other = host(3);
  other.settings[0].second = "8192";
  EXPECT_EQ(describe_misfit(host(0), other),
            "host 3 (node3) was started with --bucket-size 8192, host 0 with --bucket-size 4096");
  other = host(3);
  other.settings[1].second = "v2";
  EXPECT_EQ(describe_misfit(host(0), other),
            "host 3 (node3) was started with --weight-version v2, host 0 without --weight-version");
}

TEST(members, names_a_host_with_another_number_of_devices) {
  auto other = host(3);
  other.device_uuids.push_back("GPU-2");
  EXPECT_EQ(describe_misfit(host(0), other), "host 3 (node3) has 2 device(s), host 0 has 1");
}

} // namespace
} // namespace ckpt::actors
