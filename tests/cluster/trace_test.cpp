// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The trace of an update by several hosts: host 0 has it, for all of them.

#include "tests/cluster/resident_fixture.hpp"
#include "tests/support/trace_events.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace ckpt::tests {
namespace {

/// Each bucket is copied by one host, and goes to the workers of all hosts.
void expect_all_buckets(const std::map<std::int64_t, traced_host>& trace, std::size_t hosts,
                        std::size_t buckets) {
  ASSERT_EQ(trace.size(), hosts);
  std::set<std::string> copied;
  for (const auto& [number, host] : trace) {
    for (const auto& span : host.at("copy"))
      EXPECT_TRUE(copied.insert(span.name).second) << span.name << " once more by host " << number;
    EXPECT_EQ(host.at("broadcast").size(), buckets) << "host " << number;
    EXPECT_EQ(std::ranges::count_if(host.at("worker"),
                                    [](const auto& span) { return span.name.starts_with("bucket"); }),
              static_cast<std::ptrdiff_t>(buckets))
        << "host " << number;
    EXPECT_GT(find_span(host, "server", "update request").end_us, 0);
  }
  EXPECT_EQ(copied.size(), buckets);
}

TEST_F(cluster_test, is_traced_on_all_hosts_by_host_0) {
  start_cluster({.hosts = 2});
  start_node(0, {"--trace", (scratch_.path() / "trace.json").string()});
  start_node(1, {"--trace", (scratch_.path() / "of-host-1.json").string()});
  expect_all_end_with(0);
  const auto buckets = report(0).at("plan").at("buckets").to_number<std::size_t>();
  expect_all_buckets(read_trace(read_report(scratch_.path() / "trace.json")), 2, buckets);
  EXPECT_FALSE(std::filesystem::exists(scratch_.path() / "of-host-1.json"));
}

TEST_F(resident_cluster_test, gives_the_trace_of_all_hosts_to_whoever_asks_any_of_them) {
  start_resident_cluster({3, 1, 1});
  ASSERT_EQ(publish(0, "v1"), 0) << said_ << all_logs();
  const auto id = std::string{answer_.at("id").as_string()};
  const auto buckets = answer_.at("report").at("plan").at("buckets").to_number<std::size_t>();
  for (const unsigned host : {0u, 2u}) {
    ASSERT_EQ(ask(host, "trace", {id}), 0) << said_ << all_logs();
    expect_all_buckets(read_trace(answer_), 3, buckets);
  }
}

} // namespace
} // namespace ckpt::tests
