// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/host_address.hpp"

#include "io/fd.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;

/// A TCP port of this host that nobody listens at until listen() is called.
class port_of_this_host {
public:
  port_of_this_host() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(socket_.number(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    number_ = ntohs(address.sin_port);
  }
  void listen() const { EXPECT_EQ(::listen(socket_.number(), 1), 0); }
  [[nodiscard]] std::uint16_t number() const { return number_; }

private:
  fd socket_;
  std::uint16_t number_ = 0;
};

TEST(host_address, knocking_tells_whether_somebody_listens) {
  const port_of_this_host port;
  EXPECT_EQ(knock("127.0.0.1", port.number(), 5s), "Connection refused");
  port.listen();
  EXPECT_EQ(knock("127.0.0.1", port.number(), 5s), std::nullopt);
  EXPECT_EQ(knock("localhost", port.number(), 5s), std::nullopt);
}

TEST(host_address, knocking_at_a_name_that_nobody_knows_says_so) {
  EXPECT_TRUE(knock("no-such-host.invalid", 1, 5s).has_value());
}

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

} // namespace
} // namespace ckpt::io
