// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/introductions.hpp"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

const cluster_layout four_engines{4, 0, 1, 1};

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
  request.endpoints = {"http://engine"};
  return request;
}

TEST(members, that_fit_have_no_misfit) { EXPECT_EQ(describe_misfit(host(0), host(3), four_engines), ""); }

TEST(members, names_host_flag_and_both_values_of_a_misfit) {
  auto other = host(3);
  other.settings[0].second = "8192";
  EXPECT_EQ(describe_misfit(host(0), other, four_engines),
            "host 3 (node3) was started with --bucket-size 8192, host 0 with --bucket-size 4096");
  other = host(3);
  other.settings[1].second = "v2";
  EXPECT_EQ(describe_misfit(host(0), other, four_engines),
            "host 3 (node3) was started with --weight-version v2, host 0 without --weight-version");
}

TEST(members, names_a_host_with_another_number_of_devices) {
  auto other = host(3);
  other.device_uuids.push_back("GPU-2");
  EXPECT_EQ(describe_misfit(host(0), other, four_engines), "host 3 (node3) has 2 device(s), host 0 has 1");
}

TEST(members, names_a_host_with_another_number_of_endpoints_than_engines) {
  auto other = host(3);
  other.endpoints.clear();
  EXPECT_EQ(describe_misfit(host(0), other, four_engines),
            "host 3 (node3) gives 0 --endpoint for 1 engine(s)");
}

TEST(members, stay_connected_when_all_of_them_still_have_the_same_connection) {
  std::vector hosts{host(0), host(1), host(2), host(3)};
  const auto stay_connected = [&] {
    return make_start(1, four_engines, "secret",
                      [&](std::uint32_t number) -> const join_request& { return hosts[number]; })
        .stays_connected;
  };
  EXPECT_FALSE(stay_connected()) << "nobody has any";
  for (auto& each : hosts)
    each.connection = "one";
  EXPECT_TRUE(stay_connected());
  hosts[3].connection.clear();
  EXPECT_FALSE(stay_connected()) << "host 3 is new";
  hosts[3].connection = "another";
  EXPECT_FALSE(stay_connected());
}

TEST(members, begin_with_their_neighbours_addresses_and_the_devices_of_the_engines_they_lead) {
  const cluster_layout one_engine_over_two_hosts{4, 0, 1, 2};
  const auto introduce = [](std::uint32_t number) {
    auto request = host(number);
    request.data_address = "address " + std::to_string(number);
    request.device_uuids = {"GPU-" + std::to_string(number)};
    request.endpoints =
        number % 2 == 0 ? std::vector{"http://engine" + std::to_string(number)} : std::vector<std::string>{};
    return request;
  };
  const std::vector hosts{introduce(0), introduce(1), introduce(2), introduce(3)};
  const auto introduction_of = [&](std::uint32_t number) -> const join_request& { return hosts[number]; };
  const auto leader = make_start(2, one_engine_over_two_hosts, "secret", introduction_of);
  EXPECT_EQ(leader.previous_data_address, "address 1");
  EXPECT_EQ(leader.next_data_address, "address 3");
  EXPECT_EQ(leader.first_data_address, "address 0");
  EXPECT_EQ(leader.secret, "secret");
  EXPECT_EQ(leader.engine_uuids, (std::vector<std::string>{"GPU-2", "GPU-3"}));
  EXPECT_EQ(leader.engine_endpoints, std::vector<std::string>{"http://engine2"});
  const auto follower = make_start(3, one_engine_over_two_hosts, "secret", introduction_of);
  EXPECT_EQ(follower.next_data_address, "address 0");
  EXPECT_TRUE(follower.engine_uuids.empty());
  EXPECT_EQ(follower.engine_endpoints, std::vector<std::string>{"http://engine2"});
}

} // namespace
} // namespace ckpt::actors
