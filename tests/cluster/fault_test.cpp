// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Clusters in which something fails. Every host that is left ends by itself and soon, says who is to blame,
// and the same update succeeds right after.

#include "tests/cluster/cluster_fixture.hpp"
#include "tests/support/safetensors_text.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using testing::AnyOf;
using testing::HasSubstr;

/// The longest that a host may take to end after another was lost, by its own report.
constexpr double end_seconds_max = 10;

[[nodiscard]] std::string host_name(unsigned host) { return "host " + std::to_string(host); }

class cluster_fault_test : public cluster_test {
protected:
  cluster_fault_test() { node_flags_.insert(node_flags_.end(), {"--host-timeout", "4"}); }

  /// The node of `host` ends with `status` because of what `said` tells, which is in its output and its
  /// report, and within `end_seconds_max` of a fault that came `fault_seconds` after its start.
  void expect_fails(unsigned host, int status, const std::string& said, double fault_seconds) {
    SCOPED_TRACE(host_name(host));
    EXPECT_EQ(end_of(host), status) << node_output(host);
    EXPECT_THAT(node_output(host), HasSubstr(said));
    const auto written = report(host);
    ASSERT_TRUE(written.contains("cause")) << node_output(host);
    EXPECT_EQ(written.at("outcome"), "failed");
    EXPECT_EQ(written.at("exit_status"), status);
    EXPECT_THAT(std::string{written.at("cause").at("message").as_string()}, HasSubstr(said));
    EXPECT_LE(written.at("seconds").to_number<double>(), fault_seconds + end_seconds_max)
        << node_output(host);
  }

  /// The engine on `host` has been told to give the update up.
  void expect_told_to_give_up(unsigned engine) {
    const auto& sink = *engines_[engine].front();
    EXPECT_TRUE(eventually([&] {
      return sink.output().find("gave up this weight update") != std::string::npos;
    })) << sink.output();
  }

  /// Starts an update of three hosts and comes back when it is in the middle; returns when it started. There
  /// are far more buckets than rings and slabs hold: no engine gets the last of them once a host is missing.
  clock::time_point start_and_reach_the_middle() {
    checkpoints_ = {write_small_checkpoint(scratch_.path(), 64 << 20)};
    start_cluster({.hosts = 3}, slow_engines);
    const auto start = clock::now();
    start_nodes();
    reach_the_middle();
    return start;
  }

  [[nodiscard]] double seconds_since(clock::time_point start) const {
    return std::chrono::duration<double>(clock::now() - start).count();
  }
};

class random_death_test : public cluster_fault_test, public testing::WithParamInterface<unsigned> {
protected:
  /// How many good updates the first host of each engine has seen.
  [[nodiscard]] std::vector<unsigned> good_updates() const {
    std::vector<unsigned> counts;
    for (const auto& sinks : engines_) {
      const auto output = sinks.front()->output();
      auto& count = counts.emplace_back();
      for (auto at = output.find("verified bit for bit"); at != std::string::npos;
           at = output.find("verified bit for bit", at + 1))
        ++count;
    }
    return counts;
  }

  /// A host says that another one died, unless all engines had everything by then: then it may know it
  /// already.
  void expect_knows_the_truth(unsigned host, unsigned victim, double fault_seconds,
                              const std::vector<unsigned>& good_before) {
    if (end_of(host) != 0) {
      expect_fails(host, 5, host_name(victim), fault_seconds);
      return;
    }
    auto expected = good_before;
    for (auto& count : expected)
      ++count;
    EXPECT_TRUE(eventually([&] { return good_updates() == expected; })) << node_output(host);
  }
};

TEST_P(random_death_test, of_a_host_at_any_moment_ends_the_others_and_the_next_update_succeeds) {
  random_.seed(GetParam());
  std::cout << "this test's seed is " << GetParam() << std::endl;
  start_cluster({.hosts = 2 + GetParam() % 3}, slow_engines);
  for (int moment = 0; moment < 5; ++moment) {
    const auto victim = std::uniform_int_distribution<unsigned>{0, shape_.hosts - 1}(random_);
    const std::chrono::milliseconds delay{std::uniform_int_distribution<>{0, 2800}(random_)};
    SCOPED_TRACE(host_name(victim) + " killed " + std::to_string(delay.count()) + " ms after the start");
    const auto good_before = good_updates();
    const auto start = clock::now();
    start_nodes({"--timeout", "5"});
    std::this_thread::sleep_for(delay);
    nodes_[victim]->send_signal(SIGKILL);
    const auto fault_seconds = seconds_since(start);
    if (end_of(victim) == 0) {
      expect_all_end_with(0); // It was through with the update.
    } else {
      for (unsigned host = 0; host < shape_.hosts; ++host)
        if (host != victim)
          expect_knows_the_truth(host, victim, fault_seconds, good_before);
    }
    expect_next_update_succeeds();
    if (HasFailure())
      return;
  }
}

INSTANTIATE_TEST_SUITE_P(seed, random_death_test, testing::Range(1u, 5u)); // tests/campaign has hundreds.

TEST_F(cluster_fault_test, host_0_is_killed_in_the_middle) {
  const auto start = start_and_reach_the_middle();
  nodes_[0]->send_signal(SIGKILL);
  const auto fault_seconds = seconds_since(start);
  for (const unsigned host : {1u, 2u}) {
    expect_fails(host, 5, "host 0", fault_seconds);
    expect_told_to_give_up(host);
  }
  expect_next_update_succeeds();
}

class stopped_host_test : public cluster_fault_test, public testing::WithParamInterface<unsigned> {};

TEST_P(stopped_host_test, in_the_middle_is_lost_to_the_others) {
  const auto start = start_and_reach_the_middle();
  const auto victim = GetParam();
  nodes_[victim]->send_signal(SIGSTOP);
  const auto fault_seconds = seconds_since(start);
  for (unsigned host = 0; host < shape_.hosts; ++host)
    if (host != victim) {
      expect_fails(host, 5, host_name(victim), fault_seconds);
      expect_told_to_give_up(host);
    }
  nodes_[victim]->send_signal(SIGKILL);
  EXPECT_EQ(end_of(victim), -SIGKILL);
  expect_next_update_succeeds();
}

INSTANTIATE_TEST_SUITE_P(number, stopped_host_test, testing::Values(0u, 1u, 2u));

class cut_off_host_test : public cluster_fault_test, public testing::WithParamInterface<unsigned> {};

TEST_P(cut_off_host_test, in_the_middle_is_lost_to_the_others_and_they_to_it) {
  const auto start = start_and_reach_the_middle();
  const auto victim = GetParam();
  hosts_->pull_cable(victim);
  const auto fault_seconds = seconds_since(start);
  for (unsigned host = 0; host < shape_.hosts; ++host) {
    // Who is cut off cannot tell which of the others are there; host 0 alone sees all of them go.
    expect_fails(host, 5, host == victim ? "host " : host_name(victim), fault_seconds);
    expect_told_to_give_up(host);
  }
  hosts_->plug_cable(victim);
  expect_next_update_succeeds();
}

INSTANTIATE_TEST_SUITE_P(number, cut_off_host_test, testing::Values(0u, 1u, 2u));

TEST_F(cluster_fault_test, a_neighbour_that_cannot_be_reached_for_a_moment) {
  start_cluster({.hosts = 3});
  const auto route = [&](const char* verb) {
    program ip{hosts_->command(2, {"ip", "route", verb, "unreachable", virtual_hosts::address(1)}),
               scratch_.path() / "route"};
    EXPECT_EQ(ip.wait(patience), 0) << ip.output();
  };
  route("add");
  start_nodes();
  EXPECT_TRUE(eventually([&] { return node_output(0).find("all 3 hosts are here") != std::string::npos; }));
  std::this_thread::sleep_for(500ms); // That is what is tested.
  route("del");
  expect_all_end_with(0);
}

TEST_F(cluster_fault_test, a_host_never_comes) {
  start_cluster({.hosts = 3});
  for (const unsigned host : {1u, 0u})
    start_node(host, {"--timeout", "3"});
  for (const unsigned host : {0u, 1u})
    expect_fails(host, 5, "host 2 never came within 3 s", 3);
  expect_next_update_succeeds();
}

TEST_F(cluster_fault_test, host_0_never_comes) {
  start_cluster({.hosts = 3});
  for (const unsigned host : {1u, 2u})
    start_node(host, {"--timeout", "3"});
  for (const unsigned host : {1u, 2u})
    expect_fails(host, 5, "host 0", 3);
  expect_next_update_succeeds();
}

TEST_F(cluster_fault_test, a_worker_fails_on_one_host_only) {
  start_cluster({.hosts = 3}, slow_engines);
  auto faults = slow_engines;
  faults.insert(faults.end(), {"--fault", "bucket-error:middle", "--fault-updates", "1"});
  start_engine(1, faults);
  const auto start = clock::now();
  start_nodes();
  for (unsigned host = 0; host < shape_.hosts; ++host)
    static_cast<void>(end_of(host));
  const auto end_seconds = seconds_since(start);
  for (unsigned host = 0; host < shape_.hosts; ++host)
    expect_fails(host, 4, engine_url(1), end_seconds);
  for (const unsigned engine : {0u, 2u})
    expect_told_to_give_up(engine);
  expect_next_update_succeeds();
}

TEST_F(cluster_fault_test, a_worker_on_the_second_host_of_an_engine_fails) {
  start_cluster({.hosts = 2, .devices = 2, .workers = 4});
  start_engine(0, {},
               {"--fault", "bucket-error:middle", "--fault-updates", "1", "--fault", "one-worker-only:1"});
  start_nodes();
  for (const unsigned host : {0u, 1u})
    expect_fails(host, 4, engine_url(0), 10);
  expect_next_update_succeeds();
}

TEST_F(cluster_fault_test, two_hosts_claim_one_rank) {
  start_cluster({.hosts = 3});
  start_node(0);
  start_node(1);
  start_node(2, {"--node-rank", "1"});
  for (unsigned host = 0; host < shape_.hosts; ++host)
    EXPECT_EQ(end_of(host), 5) << node_output(host);
  EXPECT_THAT(node_output(0), HasSubstr("two hosts claim rank 1"));
  expect_next_update_succeeds();
}

class other_flag_test : public cluster_fault_test, public testing::WithParamInterface<arguments> {};

TEST_P(other_flag_test, of_a_host_is_named_everywhere) {
  start_cluster({.hosts = 3});
  start_node(0);
  start_node(1);
  start_node(2, GetParam());
  for (unsigned host = 0; host < shape_.hosts; ++host)
    expect_fails(host, 5, GetParam().front(), 1);
  EXPECT_THAT(node_output(0), HasSubstr("host 2"));
  expect_next_update_succeeds();
}

INSTANTIATE_TEST_SUITE_P(flag, other_flag_test,
                         testing::Values(arguments{"--bucket-size", "8MiB"},
                                         arguments{"--keep-together", "layers.{0,1}"},
                                         arguments{"--pause", "none"}),
                         [](const auto& one) {
                           auto name = one.param.front().substr(2);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

/// Two shards; the second has one tensor with this name and so many bytes.
fs::path write_pair(const fs::path& directory, const std::string& name, std::uint64_t bytes) {
  fs::create_directories(directory);
  const auto size = std::to_string(bytes);
  std::ofstream{directory / "model-1.safetensors"}
      << file_text("{" + entry("a", "U8", "[5000000]", "[0,5000000]") + "}", 5'000'000);
  std::ofstream{directory / "model-2.safetensors"}
      << file_text("{" + entry(name, "U8", "[" + size + "]", "[0," + size + "]") + "}", bytes);
  return directory;
}

class other_checkpoint_test : public cluster_fault_test {
protected:
  /// Three hosts, of which the last has another checkpoint than the rest.
  void expect_difference(const fs::path& other, const std::vector<std::string>& said) {
    const auto common = write_pair(scratch_.path() / "common", "b", 5'000'000);
    checkpoints_ = {common, common, other};
    start_cluster({.hosts = 3});
    start_nodes();
    for (unsigned host = 0; host < shape_.hosts; ++host)
      for (const auto& part : said)
        expect_fails(host, 5, part, 1);
    for (unsigned engine = 0; engine < shape_.engines(); ++engine)
      EXPECT_EQ(report(engine).at("engines").at(0).at("serves"), "unchanged");
    checkpoints_ = {common};
    expect_next_update_succeeds();
  }
};

TEST_F(other_checkpoint_test, with_some_bytes_less_in_one_file) {
  expect_difference(write_pair(scratch_.path() / "short", "b", 5'000'000 - 4099),
                    {"host 2", "model-2.safetensors", "4099 bytes less"});
}

TEST_F(other_checkpoint_test, with_another_header_of_the_same_length) {
  expect_difference(write_pair(scratch_.path() / "renamed", "c", 5'000'000),
                    {"host 2", "model-2.safetensors"});
}

TEST_F(other_checkpoint_test, with_a_file_that_the_others_lack) {
  const auto more = write_pair(scratch_.path() / "more", "b", 5'000'000);
  std::ofstream{more / "model-3.safetensors"} << file_text("{" + entry("z", "U8", "[9]", "[0,9]") + "}", 9);
  expect_difference(more, {"host 2", "model-3.safetensors"});
}

TEST_F(other_checkpoint_test, with_one_other_byte_in_ten_thousand) {
  const auto other = write_pair(scratch_.path() / "older", "b", 5'000'000);
  std::fstream file{other / "model-2.safetensors", std::ios::in | std::ios::out | std::ios::binary};
  for (std::streamoff place = 1000; place < 5'000'000; place += 10'000) {
    file.seekp(place);
    file.put('\x5a');
  }
  file.close();
  expect_difference(other, {"host 2", "has another content in model-2.safetensors"});
}

TEST_F(cluster_fault_test, a_checkpoint_that_one_host_cannot_read_is_named_everywhere) {
  start_cluster({.hosts = 3});
  start_node(0);
  start_node(1);
  start_node(2, {"--checkpoint-path", "/nowhere/at/all"});
  EXPECT_EQ(end_of(2), 3);
  for (const unsigned host : {0u, 1u})
    EXPECT_THAT(end_of(host), AnyOf(3, 5)) << node_output(host);
  EXPECT_THAT(node_output(0), HasSubstr("host 2"));
  expect_next_update_succeeds();
}

} // namespace
} // namespace ckpt::tests
