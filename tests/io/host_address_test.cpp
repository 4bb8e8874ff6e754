// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/host_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace ckpt::io {
namespace {

TEST(host_address, tells_this_host_alone_from_what_others_reach) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.3.2.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("no-such-host.invalid"));
}

TEST(host_address, of_this_host_is_the_one_on_the_way_to_the_other) {
  EXPECT_EQ(address_towards("127.0.0.1", 1), "127.0.0.1");
  EXPECT_EQ(address_towards("127.0.0.1", 65'535), "127.0.0.1");
  EXPECT_TRUE(is_loopback(address_towards("127.3.2.1", 4711)));
  EXPECT_TRUE(is_loopback(address_towards("localhost", 4711)));
}

TEST(host_address, names_the_host_to_which_there_is_no_way) {
  for (const auto* host : {"no-such-host.invalid", "127.0.0.256", "a host"})
    try {
      (void)address_towards(host, 4711);
      FAIL() << host << " is known";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(host));
    }
}

} // namespace
} // namespace ckpt::io
