// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Where a process finds itself, by flags, under srun and under torchrun. The variables are those that Slurm
// 22.05 and torchrun set.

#include "apps/node/cluster_place.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ckpt::apps {
namespace {

using variables = std::map<std::string, std::string, std::less<>>;

environment of(variables set) {
  return [set = std::move(set)](std::string_view name) -> std::optional<std::string> {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional{found->second};
  };
}

variables with(variables set, const variables& more) {
  for (const auto& [name, value] : more)
    set[name] = value;
  return set;
}

variables without(variables set, std::string_view name) {
  set.erase(set.find(name));
  return set;
}

std::string refusal_of(const cluster_flags& flags, const variables& set) {
  try {
    static_cast<void>(find_place(flags, of(set)));
  } catch (const std::invalid_argument& refusal) {
    return refusal.what();
  }
  return "accepted";
}

/// What a task of `srun -N4 --ntasks-per-node=1` in a bigger job sees.
variables slurm_task() {
  return {{"SLURM_JOB_NODELIST", "n[01-08]"},
          {"SLURM_NODELIST", "n[01-08]"},
          {"SLURM_JOB_NUM_NODES", "8"},
          {"SLURM_NNODES", "4"},
          {"SLURM_NTASKS", "4"},
          {"SLURM_STEP_NODELIST", "n[03,05-07]"},
          {"SLURM_STEP_NUM_NODES", "4"},
          {"SLURM_STEP_NUM_TASKS", "4"},
          {"SLURM_STEP_TASKS_PER_NODE", "1(x4)"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", "2"},
          {"SLURM_NODEID", "2"},
          {"SLURM_LOCALID", "0"},
          {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.9"}};
}

/// What a process of `torchrun --nnodes 2 --nproc-per-node 4` sees.
variables torchrun_process() {
  return {{"RANK", "6"},
          {"WORLD_SIZE", "8"},
          {"LOCAL_RANK", "2"},
          {"GROUP_RANK", "1"},
          {"LOCAL_WORLD_SIZE", "4"},
          {"MASTER_ADDR", "10.0.0.7"},
          {"MASTER_PORT", "29401"},
          {"TORCHELASTIC_RUN_ID", "x"},
          {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
}

cluster_flags flags(std::uint32_t nnodes, std::optional<std::uint32_t> rank = {},
                    std::optional<std::string> address = {}, std::optional<std::uint16_t> port = {}) {
  return {nnodes, rank, std::move(address), port};
}

TEST(cluster_place, is_one_host_when_nothing_is_said) {
  for (const auto& set : {variables{}, variables{{"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}}) {
    const auto place = find_place({}, of(set));
    EXPECT_EQ(place.hosts, 1u);
    EXPECT_EQ(place.host, 0u);
    EXPECT_EQ(place.master_addr, "127.0.0.1");
    EXPECT_EQ(place.master_port, 29'500);
    EXPECT_FALSE(place.local_rank);
    EXPECT_EQ(place.source, "one host");
  }
}

TEST(cluster_place, follows_the_flags) {
  const auto place = find_place(flags(3, 2, "10.0.0.1", 4000), of({}));
  EXPECT_EQ(place.hosts, 3u);
  EXPECT_EQ(place.host, 2u);
  EXPECT_EQ(place.master_addr, "10.0.0.1");
  EXPECT_EQ(place.master_port, 4000);
  EXPECT_FALSE(place.local_rank);
  EXPECT_EQ(place.source, "flags");
  EXPECT_EQ(find_place(flags(2, 0, "h"), of({})).master_port, 29'500);
}

TEST(cluster_place, prefers_flags_to_launchers) {
  for (const auto& set : {slurm_task(), torchrun_process()}) {
    const auto place = find_place(flags(1), of(set));
    EXPECT_EQ(place.hosts, 1u);
    EXPECT_EQ(place.source, "flags");
    EXPECT_FALSE(place.local_rank);
  }
}

TEST(cluster_place, says_which_flag_is_wrong) {
  EXPECT_THAT(refusal_of(flags(0), {}), testing::HasSubstr("--nnodes"));
  EXPECT_THAT(refusal_of(flags(65'537, 0, "a"), {}), testing::HasSubstr("--nnodes"));
  EXPECT_THAT(refusal_of(flags(2), {}), testing::HasSubstr("--node-rank"));
  EXPECT_THAT(refusal_of(flags(2, 0), {}), testing::HasSubstr("--master-addr"));
  EXPECT_THAT(refusal_of(flags(2, 2, "a"), {}), testing::HasSubstr("--node-rank is \"2\""));
  EXPECT_THAT(refusal_of(flags(1, 1), {}), testing::HasSubstr("below --nnodes, which is 1"));
  EXPECT_THAT(refusal_of(flags(2, 0, "a", 0), {}), testing::HasSubstr("--master-port is \"0\""));
  for (const auto* address : {"", " ", "a b", "http://a", "a/b", "[::1]", "a\n"})
    EXPECT_THAT(refusal_of(flags(2, 0, address), {}), testing::HasSubstr("--master-addr is")) << address;
  EXPECT_EQ(find_place(flags(2, 0, "fe80::1%eth0"), of({})).master_addr, "fe80::1%eth0");
  cluster_flags rank_only;
  rank_only.node_rank = 1;
  EXPECT_THAT(refusal_of(rank_only, slurm_task()), testing::HasSubstr("--nnodes"));
}

TEST(cluster_place, follows_srun) {
  const auto place = find_place({}, of(slurm_task()));
  EXPECT_EQ(place.hosts, 4u);
  EXPECT_EQ(place.host, 2u);
  EXPECT_EQ(place.master_addr, "n03"); // Of the step's nodes, not of the job's.
  EXPECT_EQ(place.master_port, 29'500);
  EXPECT_FALSE(place.local_rank);
  EXPECT_EQ(place.source, "Slurm");
}

TEST(cluster_place, counts_tasks_of_one_node_one_after_another) {
  std::vector<std::uint32_t> hosts;
  for (std::uint32_t node = 0; node < 4; ++node)
    for (std::uint32_t local = 0; local < 2; ++local) {
      // As with --distribution=cyclic: PROCID runs over the nodes first.
      const auto place =
          find_place({}, of(with(slurm_task(), {{"SLURM_STEP_NUM_TASKS", "8"},
                                                {"SLURM_STEP_TASKS_PER_NODE", "2(x4)"},
                                                {"SLURM_PROCID", std::to_string(local * 4 + node)},
                                                {"SLURM_NODEID", std::to_string(node)},
                                                {"SLURM_LOCALID", std::to_string(local)}})));
      EXPECT_EQ(place.hosts, 8u);
      EXPECT_EQ(place.local_rank, local);
      hosts.push_back(place.host);
    }
  EXPECT_THAT(hosts, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(cluster_place, takes_several_tasks_of_one_node) {
  const auto place = find_place({}, of(with(slurm_task(), {{"SLURM_STEP_NUM_TASKS", "4"},
                                                           {"SLURM_STEP_NUM_NODES", "1"},
                                                           {"SLURM_STEP_NODELIST", "n03"},
                                                           {"SLURM_STEP_TASKS_PER_NODE", "4"},
                                                           {"SLURM_NODEID", "0"},
                                                           {"SLURM_LOCALID", "3"}})));
  EXPECT_EQ(place.hosts, 4u);
  EXPECT_EQ(place.host, 3u);
  EXPECT_EQ(place.local_rank, 3u);
  EXPECT_EQ(place.master_addr, "n03");
}

TEST(cluster_place, is_alone_in_a_batch_script_and_in_a_step_of_one_task) {
  auto script = slurm_task();
  for (const auto* name : {"SLURM_STEP_NODELIST", "SLURM_STEP_NUM_NODES", "SLURM_STEP_NUM_TASKS",
                           "SLURM_STEP_TASKS_PER_NODE", "SLURM_STEP_ID"})
    script = without(script, name);
  EXPECT_EQ(find_place({}, of(script)).source, "one host");
  const auto step = with(slurm_task(), {{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_STEP_NUM_NODES", "1"}});
  EXPECT_EQ(find_place({}, of(step)).source, "one host");
}

TEST(cluster_place, says_which_variable_of_slurm_is_wrong) {
  struct {
    const char *name, *value, *why;
  } const table[] = {
      {"SLURM_STEP_NUM_TASKS", "x", "SLURM_STEP_NUM_TASKS is \"x\""},
      {"SLURM_STEP_NUM_TASKS", "-2", "SLURM_STEP_NUM_TASKS is \"-2\""},
      {"SLURM_STEP_NUM_TASKS", "99999999999", "SLURM_STEP_NUM_TASKS"},
      {"SLURM_STEP_NUM_NODES", "0", "at least 1"},
      {"SLURM_STEP_NUM_NODES", "", "expected a number"},
      {"SLURM_NODEID", "4", "SLURM_NODEID is \"4\": it has to be below SLURM_STEP_NUM_NODES, which is 4"},
      {"SLURM_NODEID", "1x", "SLURM_NODEID"},
      {"SLURM_STEP_NODELIST", "n[03,05-07", "SLURM_STEP_NODELIST: node list"},
      {"SLURM_STEP_NODELIST", "n[03-05]", "as many names"},
      {"SLURM_STEP_NUM_TASKS", "5", "the same number of tasks"}, // The layout still says four.
      {"SLURM_STEP_NUM_TASKS", "3", "the same number of tasks"},
  };
  for (const auto& row : table)
    EXPECT_THAT(refusal_of({}, with(slurm_task(), {{row.name, row.value}})), testing::HasSubstr(row.why))
        << row.name << "=" << row.value;
  for (const auto* name : {"SLURM_STEP_NUM_NODES", "SLURM_NODEID", "SLURM_STEP_NODELIST"})
    EXPECT_THAT(refusal_of({}, without(slurm_task(), name)),
                testing::StartsWith(std::string{name} + " is not set"));
}

TEST(cluster_place, wants_as_many_tasks_on_every_node) {
  const auto eight = with(slurm_task(), {{"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_LOCALID", "1"}});
  for (const auto* layout : {"2(x4)", "2,2,2,2", "2(x2),2(x2)"})
    EXPECT_EQ(find_place({}, of(with(eight, {{"SLURM_STEP_TASKS_PER_NODE", layout}}))).host, 5u) << layout;
  for (const auto* layout : {"3,2(x2),1", "2(x3),1", "1,2(x3)", "1(x4)", "", ",", "(x4)", "x"})
    EXPECT_THAT(refusal_of({}, with(eight, {{"SLURM_STEP_TASKS_PER_NODE", layout}})),
                testing::HasSubstr("SLURM_STEP_TASKS_PER_NODE"))
        << layout;
  EXPECT_THAT(refusal_of({}, with(eight, {{"SLURM_STEP_TASKS_PER_NODE", "2(x4)"}, {"SLURM_LOCALID", "2"}})),
              testing::HasSubstr("SLURM_LOCALID is \"2\""));
}

TEST(cluster_place, lets_flags_override_address_and_port_of_a_launcher) {
  cluster_flags override;
  override.master_addr = "127.0.0.1";
  override.master_port = 30'000;
  for (const auto& set : {slurm_task(), torchrun_process()}) {
    const auto place = find_place(override, of(set));
    EXPECT_EQ(place.master_addr, "127.0.0.1");
    EXPECT_EQ(place.master_port, 30'000);
    EXPECT_GT(place.hosts, 1u);
  }
  // What is overridden need not make sense.
  EXPECT_EQ(find_place(override, of(without(slurm_task(), "SLURM_STEP_NODELIST"))).hosts, 4u);
  EXPECT_EQ(find_place(override, of(without(torchrun_process(), "MASTER_ADDR"))).hosts, 8u);
  EXPECT_EQ(find_place(override, of(with(torchrun_process(), {{"MASTER_PORT", "0"}}))).hosts, 8u);
}

TEST(cluster_place, follows_torchrun) {
  const auto place = find_place({}, of(torchrun_process()));
  EXPECT_EQ(place.hosts, 8u);
  EXPECT_EQ(place.host, 6u);
  EXPECT_EQ(place.local_rank, 2u);
  EXPECT_EQ(place.master_addr, "10.0.0.7");
  EXPECT_EQ(place.master_port, 29'402); // The agent holds 29401.
  EXPECT_EQ(place.source, "torchrun");
}

TEST(cluster_place, takes_the_port_that_no_agent_holds) {
  EXPECT_EQ(find_place({}, of(without(torchrun_process(), "TORCHELASTIC_USE_AGENT_STORE"))).master_port,
            29'401);
  EXPECT_EQ(
      find_place({}, of(with(torchrun_process(), {{"TORCHELASTIC_USE_AGENT_STORE", "False"}}))).master_port,
      29'401);
  EXPECT_EQ(find_place({}, of(without(torchrun_process(), "MASTER_PORT"))).master_port, 29'500);
}

TEST(cluster_place, takes_one_device_also_where_torchrun_started_one_process_on_every_machine) {
  const auto one_each = with(torchrun_process(), {{"LOCAL_RANK", "0"}, {"LOCAL_WORLD_SIZE", "1"}});
  EXPECT_EQ(find_place({}, of(one_each)).local_rank, 0u);
}

TEST(cluster_place, leaves_all_devices_to_a_process_that_was_numbered_by_hand) {
  const auto by_hand = without(without(torchrun_process(), "LOCAL_RANK"), "LOCAL_WORLD_SIZE");
  EXPECT_FALSE(find_place({}, of(by_hand)).local_rank);
  EXPECT_EQ(find_place({}, of(by_hand)).host, 6u);
}

TEST(cluster_place, needs_no_address_in_a_world_of_one) {
  const auto place = find_place({}, of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
  EXPECT_EQ(place.hosts, 1u);
  EXPECT_EQ(place.master_addr, "127.0.0.1");
}

TEST(cluster_place, says_which_variable_of_torchrun_is_wrong) {
  struct {
    const char *name, *value, *why;
  } const table[] = {
      {"RANK", "8", "RANK is \"8\": it has to be below WORLD_SIZE, which is 8"},
      {"RANK", "", "RANK is \"\""},
      {"RANK", " 6", "RANK is \" 6\""},
      {"WORLD_SIZE", "0", "WORLD_SIZE is \"0\""},
      {"WORLD_SIZE", "eight", "WORLD_SIZE"},
      {"WORLD_SIZE", "7", "LOCAL_WORLD_SIZE is \"4\""},
      {"LOCAL_RANK", "4", "below LOCAL_WORLD_SIZE"},
      {"LOCAL_RANK", "1", "follow one another"},
      {"MASTER_ADDR", "", "MASTER_ADDR is \"\""},
      {"MASTER_PORT", "0", "MASTER_PORT is \"0\""},
      {"MASTER_PORT", "65536", "MASTER_PORT is \"65536\""},
      {"MASTER_PORT", "65535", "torchrun listens there itself"},
  };
  for (const auto& row : table)
    EXPECT_THAT(refusal_of({}, with(torchrun_process(), {{row.name, row.value}})),
                testing::HasSubstr(row.why))
        << row.name << "=" << row.value;
  for (const auto* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR"})
    EXPECT_THAT(refusal_of({}, without(torchrun_process(), name)),
                testing::StartsWith(std::string{name} + " is not set, although"));
}

TEST(cluster_place, believes_the_inner_of_two_launchers) {
  // srun started one torchrun per node: both speak, and only torchrun's numbers tell its processes apart.
  EXPECT_EQ(find_place({}, of(with(slurm_task(), torchrun_process()))).source, "torchrun");
  // Variables that a job script exported for other programs do not count against srun.
  EXPECT_EQ(find_place({}, of(with(slurm_task(), {{"WORLD_SIZE", "32"}, {"MASTER_ADDR", "n01"}}))).source,
            "Slurm");
}

} // namespace
} // namespace ckpt::apps
