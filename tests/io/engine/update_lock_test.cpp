// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/update_lock.hpp"

#include "io/engine/abstract_socket.hpp"
#include "io/fd.hpp"

#include <gtest/gtest.h>

#include <system_error>

namespace ckpt::io {
namespace {

std::string key(const std::string& url) { return engine_key(parse_endpoint(url, "")); }

TEST(update_lock, knows_all_ways_of_writing_this_hosts_own_address) {
  const auto expected = key("http://localhost:30000");
  for (const auto* url :
       {"http://127.0.0.1:30000", "http://127.8.0.9:30000", "http://0.0.0.0:30000", "http://LOCALHOST:30000",
        "http://localhost.:30000", "http://x.localhost:30000", "http://[::1]:30000", "http://[::]:30000",
        "http://[0:0:0:0:0:0:0:1]:30000", "http://[::ffff:127.0.0.1]:30000", "http://127.1:30000",
        "http://127.0.0.1:030000", "http://localhost:30000/"})
    EXPECT_EQ(key(url), expected) << url;
  EXPECT_EQ(key("http://Node7:1"), key("http://node7.:1"));
  EXPECT_EQ(key("http://[FE80::0001]:1"), key("http://[fe80::1]:1"));
}

TEST(update_lock, tells_engines_apart) {
  for (const auto* url :
       {"http://127.0.0.1:30001", "http://10.0.0.1:30000", "http://node7:30000", "http://localhost:30000/b"})
    EXPECT_NE(key(url), key("http://127.0.0.1:30000")) << url;
}

TEST(update_lock, is_given_to_one_at_a_time_however_the_address_is_written) {
  const update_lock first{parse_endpoint("http://127.0.0.1:59", "")};
  EXPECT_TRUE(first.stranger().empty());
  try {
    const update_lock second{parse_endpoint("http://LOCALHOST:59", "")};
    FAIL() << "given out twice";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
  }
}

TEST(update_lock, is_not_blocked_by_a_name_that_nobody_answers_for) {
  std::string name;
  {
    const update_lock first{parse_endpoint("http://127.0.0.1:60", "")};
    name = first.name();
  }
  const abstract_address where{name};
  const fd squatter{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}; // It does not listen.
  ASSERT_EQ(::bind(squatter.number(), where.get(), where.length), 0);
  const update_lock second{parse_endpoint("http://127.0.0.1:60", "")};
  EXPECT_EQ(second.stranger(), "a process that does not answer");
}

} // namespace
} // namespace ckpt::io
