// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/cluster/cluster_fixture.hpp"

#include <algorithm>
#include <iostream>
#include <numeric>
#include <thread>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Where the engines listen: the first host's part on loopback, followers for the first host.
constexpr unsigned engine_port = 19730;
constexpr unsigned follower_port = 29730;

/// What an engine has printed about its last update.
[[nodiscard]] std::string last_update(const program& sink) {
  const auto output = sink.output();
  const auto begin = output.rfind("\nupdate ");
  return begin == std::string::npos ? "" : output.substr(begin);
}

void append(arguments& list, const arguments& more) { list.insert(list.end(), more.begin(), more.end()); }

} // namespace

void cluster_test::SetUp() {
  if (const auto why_not = virtual_hosts::why_not(); !why_not.empty())
    GTEST_SKIP() << why_not;
  std::cout << "seed " << seed_ << std::endl;
}

std::string cluster_test::engine_url(unsigned engine) const {
  return "http://127.0.0.1:" + std::to_string(engine_port + engine);
}

void cluster_test::start_cluster(const cluster_shape& shape, const arguments& engine_flags) {
  shape_ = shape;
  if (checkpoints_.empty())
    checkpoints_ = {write_small_checkpoint(scratch_.path())};
  if (expected_.empty())
    expected_ = checkpoints_[0];
  hosts_.emplace(shape.hosts);
  engines_.resize(shape.engines());
  nodes_.resize(shape.hosts);
  for (unsigned engine = 0; engine < shape.engines(); ++engine)
    start_engine(engine, engine_flags, engine_flags);
}

void cluster_test::start_engine(unsigned engine, const arguments& flags, const arguments& follower_flags) {
  engines_[engine].clear();
  auto first_flags = flags;
  const auto parts = std::max(1u, shape_.workers / shape_.devices);
  for (unsigned part = 1; part < parts; ++part) {
    start_sink(engine, part, follower_flags);
    append(first_flags, {"--follower", "http://" + virtual_hosts::address(shape_.first_host(engine) + part)
                                           + ":" + std::to_string(follower_port + engine)});
  }
  start_sink(engine, 0, first_flags);
  for (const auto& sink : engines_[engine])
    ASSERT_TRUE(listens(*sink)) << sink->output();
}

void cluster_test::start_sink(unsigned engine, unsigned part, const arguments& flags) {
  const auto host = shape_.first_host(engine) + part;
  auto command =
      sink_command(expected_, {"--workers", std::to_string(std::min(shape_.workers, shape_.devices))});
  if (part == 0)
    append(command, {"--port", std::to_string(engine_port + engine)});
  else
    append(command,
           {"--host", virtual_hosts::address(host), "--port", std::to_string(follower_port + engine)});
  append(command, flags);
  auto sink = std::make_unique<program>(hosts_->command(host, command),
                                        log("engine-" + std::to_string(engine) + "-" + std::to_string(part)));
  auto& sinks = engines_[engine];
  sinks.insert(part == 0 ? sinks.begin() : sinks.end(), std::move(sink));
}

arguments cluster_test::place_of(unsigned host) const {
  return {"--nnodes",      std::to_string(shape_.hosts), "--node-rank", std::to_string(host),
          "--master-addr", virtual_hosts::address(0),    "--devices",   std::to_string(shape_.devices)};
}

arguments cluster_test::engines_of(unsigned host) const {
  arguments flags{"--inference-parallel-size", std::to_string(shape_.workers)};
  for (unsigned engine = 0; engine < shape_.engines(); ++engine)
    if (shape_.first_host(engine) == host)
      append(flags, {"--endpoint", engine_url(engine)});
  return flags;
}

void cluster_test::start_node(unsigned host, const arguments& more) {
  const auto report = log("report-" + std::to_string(host) + ".json");
  std::filesystem::remove(report);
  auto command = node_command(checkpoints_[checkpoints_.size() == 1 ? 0 : host], report, place_of(host));
  if (std::ranges::find(more, "--endpoint") == more.end())
    append(command, engines_of(host));
  append(command, node_flags_);
  append(command, more);
  command.insert(command.begin(), node_wrapper_.begin(), node_wrapper_.end());
  nodes_[host] =
      std::make_unique<program>(hosts_->command(host, command), log("node-" + std::to_string(host)));
}

void cluster_test::start_nodes(const arguments& more) {
  std::vector<unsigned> order(shape_.hosts);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random_);
  for (const auto host : order)
    start_node(host, more);
}

int cluster_test::end_of(unsigned host) {
  const auto status = nodes_.at(host)->wait(patience);
  EXPECT_TRUE(status.has_value()) << "host " << host << " hangs:\n" << node_output(host);
  return status.value_or(-1000);
}

void cluster_test::expect_all_end_with(int status) {
  for (unsigned host = 0; host < shape_.hosts; ++host)
    EXPECT_EQ(end_of(host), status) << "host " << host << ":\n" << node_output(host);
}

void cluster_test::expect_next_update_succeeds() {
  start_nodes();
  expect_all_end_with(0);
  expect_engines_verified();
  for (unsigned host = 0; host < shape_.hosts; ++host)
    expect_no_ring_left(node_output(host));
}

void cluster_test::reach_the_middle() {
  for (const auto& sinks : engines_)
    for (const auto& sink : sinks)
      EXPECT_TRUE(eventually([&] { return takes_weights(*sink); }, patience)) << sink->output();
  // Some buckets, of the nearly two seconds that the smallest checkpoint takes. Any moment will do.
  std::this_thread::sleep_for(300ms);
}

void cluster_test::expect_engines_verified() const {
  // An engine answers before it prints.
  for (const auto& sinks : engines_)
    for (const auto& sink : sinks)
      EXPECT_TRUE(eventually([&] {
        return last_update(*sink).find("verified bit for bit") != std::string::npos;
      })) << sink->output();
}

boost::json::object cluster_test::report(unsigned host) const {
  return read_report(log("report-" + std::to_string(host) + ".json"));
}

} // namespace ckpt::tests
