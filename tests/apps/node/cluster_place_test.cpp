// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/cluster_place.hpp"

#include <map>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

using testing::HasSubstr;
using variables = std::map<std::string, std::string, std::less<>>;

cluster_place find(const variables& set, const cluster_flags& flags = {}) {
  return find_place(flags, [&](std::string_view name) -> std::optional<std::string> {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional{found->second};
  });
}

std::string why_not(const variables& set, const cluster_flags& flags = {}) {
  try {
    static_cast<void>(find(set, flags));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "it was accepted";
}

const variables slurm_step{
    {"SLURM_STEP_ID", "0"},           {"SLURM_PROCID", "2"},         {"SLURM_LOCALID", "0"},
    {"SLURM_STEP_NUM_TASKS", "4"},    {"SLURM_STEP_NUM_NODES", "4"}, {"SLURM_STEP_NODELIST", "gpu[07-10]"},
    {"SLURM_JOB_NODELIST", "x[1-9]"}, {"SLURM_NTASKS", "9"},         {"SLURM_NNODES", "9"}};

const variables torchrun{{"RANK", "9"},
                         {"WORLD_SIZE", "16"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "8"},
                         {"MASTER_ADDR", "10.0.0.7"},
                         {"MASTER_PORT", "12345"}};

variables with(variables set, const std::string& name, const std::string& value) {
  set[name] = value;
  return set;
}

variables without(variables set, const std::string& name) {
  set.erase(name);
  return set;
}

TEST(cluster_place, is_one_host_when_nobody_says_otherwise) {
  const auto place = find({});
  EXPECT_EQ(place.hosts, 1u);
  EXPECT_EQ(place.host, 0u);
  EXPECT_FALSE(place.local_rank);
}

TEST(cluster_place, follows_the_flags_before_everything_else) {
  const auto place = find(slurm_step, {3, 2, "node0", std::nullopt});
  EXPECT_EQ(place.hosts, 3u);
  EXPECT_EQ(place.host, 2u);
  EXPECT_EQ(place.master_addr, "node0");
  EXPECT_EQ(place.master_port, 29500);
  EXPECT_EQ(place.source, "flags");
  EXPECT_EQ(find(torchrun, {1, {}, {}, {}}).hosts, 1u);
}

TEST(cluster_place, takes_a_step_of_slurm_with_its_own_nodes) {
  const auto place = find(slurm_step);
  EXPECT_EQ(place.source, "Slurm");
  EXPECT_EQ(place.hosts, 4u);
  EXPECT_EQ(place.host, 2u);
  EXPECT_EQ(place.master_addr, "gpu07");
  EXPECT_FALSE(place.local_rank) << "one process drives all devices of its host";
}

TEST(cluster_place, takes_several_tasks_on_a_node_for_one_process_per_device) {
  const auto place = find(with(with(slurm_step, "SLURM_STEP_NUM_NODES", "2"), "SLURM_LOCALID", "1"));
  EXPECT_EQ(place.hosts, 4u);
  EXPECT_EQ(place.local_rank, 1u);
}

TEST(cluster_place, of_a_batch_script_is_one_host) {
  EXPECT_EQ(find(without(slurm_step, "SLURM_STEP_ID")).hosts, 1u);
  EXPECT_EQ(find(with(slurm_step, "SLURM_STEP_ID", "4294967291")).hosts, 1u);
}

TEST(cluster_place, takes_what_torchrun_says) {
  const auto place = find(torchrun);
  EXPECT_EQ(place.source, "torchrun");
  EXPECT_EQ(place.hosts, 16u);
  EXPECT_EQ(place.host, 9u);
  EXPECT_EQ(place.local_rank, 1u);
  EXPECT_EQ(place.master_addr, "10.0.0.7");
  EXPECT_EQ(place.master_port, 12345);
}

TEST(cluster_place, keeps_off_the_port_that_the_agent_of_torchrun_holds) {
  EXPECT_EQ(find(with(torchrun, "TORCHELASTIC_USE_AGENT_STORE", "True")).master_port, 12346);
  EXPECT_EQ(find(with(torchrun, "TORCHELASTIC_USE_AGENT_STORE", "False")).master_port, 12345);
}

TEST(cluster_place, lets_single_flags_override_what_slurm_says) {
  const auto place = find(slurm_step, {{}, {}, "10.1.1.1", 4000});
  EXPECT_EQ(place.host, 2u);
  EXPECT_EQ(place.master_addr, "10.1.1.1");
  EXPECT_EQ(place.master_port, 4000);
}

TEST(cluster_place, names_the_flag_that_is_missing_or_makes_no_sense) {
  EXPECT_THAT(why_not({}, {2, {}, "a", {}}), HasSubstr("--node-rank"));
  EXPECT_THAT(why_not({}, {2, 1, {}, {}}), HasSubstr("--master-addr"));
  EXPECT_THAT(why_not({}, {{}, 1, {}, {}}), HasSubstr("--nnodes"));
  EXPECT_THAT(why_not({}, {0, 0, {}, {}}), HasSubstr("--nnodes"));
  EXPECT_THAT(why_not({}, {2, 2, "a", {}}), HasSubstr("rank 2 of 2"));
  EXPECT_THAT(why_not({}, {2, 1, "a", 0}), HasSubstr("port"));
}

TEST(cluster_place, names_the_variable_that_is_missing_or_makes_no_sense) {
  for (const auto* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR"})
    EXPECT_THAT(why_not(without(torchrun, name)), HasSubstr(name));
  for (const auto* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT"})
    EXPECT_THAT(why_not(with(torchrun, name, "1x")), HasSubstr(name));
  EXPECT_THAT(why_not(with(torchrun, "RANK", "16")), HasSubstr("rank 16 of 16"));
  EXPECT_THAT(why_not(without(slurm_step, "SLURM_PROCID")), HasSubstr("SLURM_PROCID"));
  EXPECT_THAT(why_not(with(slurm_step, "SLURM_STEP_NODELIST", "n[")), HasSubstr("n["));
}

} // namespace
} // namespace ckpt::apps
