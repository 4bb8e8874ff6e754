// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Updates of a cluster that succeed: every way to lay engines over hosts, and to start the nodes.

#include "tests/cluster/cluster_fixture.hpp"
#include "tests/support/random_file.hpp"
#include "tests/support/safetensors_text.hpp"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <thread>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

struct shape_case {
  const char* name;
  cluster_shape shape;
};

void PrintTo(const shape_case& one, std::ostream* out) { *out << one.name; }

class shape_test : public cluster_test, public testing::WithParamInterface<shape_case> {};

TEST_P(shape_test, takes_every_tensor_bit_for_bit) {
  start_cluster(GetParam().shape);
  expect_next_update_succeeds();
  for (unsigned engine = 0; engine < shape_.engines(); ++engine)
    EXPECT_THAT(node_output(shape_.first_host(engine)),
                HasSubstr("engine " + engine_url(engine) + ": updated"));
}

const shape_case shape_cases[] = {
    {"two_hosts", {2, 1, 1}},
    {"four_hosts", {4, 1, 1}},
    {"two_engines_on_each_host", {2, 2, 1}},
    {"one_engine_of_two_workers_on_each_host", {2, 2, 2}},
    {"one_engine_over_two_hosts", {2, 2, 4}},
    {"two_engines_over_two_hosts_each", {4, 1, 2}},
};

INSTANTIATE_TEST_SUITE_P(of, shape_test, testing::ValuesIn(shape_cases),
                         [](const auto& one) { return std::string{one.param.name}; });

TEST_F(cluster_test, waits_for_hosts_that_start_seconds_later) {
  start_cluster({.hosts = 3});
  for (const unsigned host : {2u, 0u, 1u}) {
    start_node(host);
    std::this_thread::sleep_for(1500ms);
  }
  expect_all_end_with(0);
  expect_engines_verified();
}

TEST_F(cluster_test, engines_of_different_hosts_have_to_hold_the_same) {
  start_cluster({.hosts = 3}, {"--consume", "hold"});
  start_nodes({"--prove"});
  expect_all_end_with(0);
  const auto ranks = report(0).at("engines").at(0).at("proof").at("checksums").as_array();
  const auto& checksums = ranks.at(0).as_object();
  const std::string lost{std::find_if(checksums.begin(), checksums.end(), [](const auto& one) {
                           return !one.key().starts_with("edge.");
                         })->key()};
  start_nodes({"--prove-against", scratch_.write("earlier.json", boost::json::serialize(report(0)))});
  expect_all_end_with(0);
  start_engine(2, {"--consume", "hold", "--fault", "loses:" + lost});
  start_nodes({"--prove"});
  expect_all_end_with(4);
  for (unsigned host = 0; host < 3; ++host)
    EXPECT_THAT(node_output(host), HasSubstr("engine " + engine_url(2))) << "on host " << host;
  EXPECT_THAT(node_output(0), HasSubstr("than it should: rank 0: " + lost + ";"));
  EXPECT_EQ(report(0).at("engines").at(1).at("serves"), "unknown") << "nothing tells which is right";
  EXPECT_EQ(report(0).at("engines").at(2).at("serves"), "unknown");
  EXPECT_EQ(report(2).at("engines").at(0).at("serves"), "unknown");
}

TEST_F(cluster_test, takes_the_endpoints_of_the_whole_cluster_in_place_of_the_own) {
  start_cluster({.hosts = 2});
  start_nodes({"--inference-parallel-size", "1", "--endpoint", engine_url(0), "--endpoint", engine_url(1)});
  expect_all_end_with(0);
  expect_engines_verified();
}

TEST_F(cluster_test, runs_as_one_process_for_each_device_under_torchrun) {
  // Two hosts, each with the two workers of one engine; four processes, all with the same command line.
  start_cluster({.hosts = 2, .devices = 2, .workers = 2});
  const arguments flags{"--inference-parallel-size",
                        "2",
                        "--insecure-network",
                        "--timeout",
                        "10",
                        "--endpoint",
                        engine_url(0),
                        "--endpoint",
                        engine_url(1)};
  std::vector<std::unique_ptr<program>> ranks;
  for (const unsigned rank : {3u, 0u, 2u, 1u}) {
    arguments command{"env",
                      "RANK=" + std::to_string(rank),
                      "WORLD_SIZE=4",
                      "LOCAL_RANK=" + std::to_string(rank % 2),
                      "LOCAL_WORLD_SIZE=2",
                      "MASTER_ADDR=" + virtual_hosts::address(0),
                      "MASTER_PORT=29512"};
    const auto name = "rank-" + std::to_string(rank);
    const auto node = node_command(checkpoints_[0], scratch_.path() / (name + ".json"), flags);
    command.insert(command.end(), node.begin(), node.end());
    ranks.push_back(std::make_unique<program>(hosts_->command(rank / 2, command), scratch_.path() / name));
  }
  for (const auto& rank : ranks)
    EXPECT_EQ(rank->wait(patience), 0) << rank->output();
  expect_engines_verified();
  for (const auto& rank : ranks)
    expect_no_ring_left(rank->output());
}

/// One big shard and many small ones, with random contents.
fs::path write_skewed_checkpoint(const fs::path& parent, std::mt19937& random) {
  const auto directory = parent / "skewed";
  fs::create_directory(directory);
  std::independent_bits_engine<std::mt19937, 8, unsigned> bytes{random};
  for (unsigned file = 0; file < 25; ++file) {
    const unsigned tensors = file == 0 ? 10 : 1;
    const std::uint64_t tensor_bytes = file == 0 ? 2 << 20 : 100'000;
    std::string header = "{";
    for (unsigned tensor = 0; tensor < tensors; ++tensor)
      header += (tensor == 0 ? "" : ",")
                + entry(std::to_string(file) + "-" + std::to_string(tensor) + ".weight", "U8",
                        "[" + std::to_string(tensor_bytes) + "]",
                        "[" + std::to_string(tensor * tensor_bytes) + ","
                            + std::to_string((tensor + 1) * tensor_bytes) + "]");
    header += "}";
    std::ofstream out{directory / ("part-" + std::to_string(file) + ".safetensors"), std::ios::binary};
    out << length_field(header.size()) << header;
    std::generate_n(std::ostreambuf_iterator<char>{out}, tensors * tensor_bytes,
                    [&] { return static_cast<char>(bytes()); });
  }
  return directory;
}

/// Hosts that find nothing in the page cache.
class cold_test : public cluster_test {
protected:
  void start_cold_cluster(const cluster_shape& shape) {
    // The engines compare with a copy: what they map stays in the page cache.
    expected_ = scratch_.path() / "copy";
    fs::copy(checkpoints_[0], expected_);
    start_cluster(shape);
    for (const auto& file : fs::directory_iterator{checkpoints_[0]}) {
      make_cold(file.path());
      file_bytes_ += file.file_size();
    }
  }

  /// What host 0's report says about the disk of each host, in the order of the hosts.
  [[nodiscard]] std::vector<double> disk_figures(const char* figure) const {
    std::vector<double> figures(shape_.hosts);
    const auto written = report(0);
    const auto& hosts = written.at("hosts").as_array();
    EXPECT_EQ(hosts.size(), shape_.hosts);
    for (const auto& host : hosts)
      figures.at(host.at("host").to_number<unsigned>()) =
          host.at("stages").at("disk").at(figure).to_number<double>();
    return figures;
  }

  std::uint64_t file_bytes_ = 0;
};

TEST_F(cold_test, reads_the_same_amount_on_every_host_however_the_shards_are_cut) {
  checkpoints_ = {write_skewed_checkpoint(scratch_.path(), random_)};
  start_cold_cluster({.hosts = 4});
  expect_next_update_succeeds();
  const auto bytes = disk_figures("bytes");
  const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
  const auto bucket_bytes = report(0).at("plan").at("bucket_bytes").to_number<double>();
  EXPECT_LE(*most - *least, bucket_bytes) << testing::PrintToString(bytes);
  EXPECT_LT(std::accumulate(bytes.begin(), bytes.end(), 0.0), static_cast<double>(file_bytes_) + bucket_bytes)
      << testing::PrintToString(bytes);
}

TEST_F(cold_test, reads_each_byte_once_over_all_hosts) {
  constexpr std::uint64_t mib = 1 << 20;
  checkpoints_ = {write_small_checkpoint(scratch_.path(), 256 * mib, 4)};
  start_cold_cluster({.hosts = 4});
  start_nodes({"--bucket-size", "8MiB", "--host-memory", "64MiB"});
  expect_all_end_with(0);
  std::uint64_t disk_bytes = 0;
  for (const auto& node : nodes_)
    disk_bytes += node->disk_bytes();
  const auto wanted = static_cast<double>(file_bytes_);
  EXPECT_NEAR(static_cast<double>(disk_bytes), wanted, 0.01 * wanted);
}

TEST_F(cold_test, waits_for_a_host_with_a_slow_disk) {
  checkpoints_ = {write_small_checkpoint(scratch_.path())};
  start_cold_cluster({.hosts = 2});
  try {
    hosts_->limit_disk(1, checkpoints_[0], 6 << 20);
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  expect_next_update_succeeds();
  const auto busy_seconds = disk_figures("busy_seconds");
  EXPECT_GT(busy_seconds[1], busy_seconds[0]) << "the limit has no effect";
}

} // namespace
} // namespace ckpt::tests
