// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/cluster_place.hpp"

#include "apps/node/slurm_nodelist.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <utility>

namespace ckpt::apps {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view why) {
  throw std::invalid_argument{std::string{name} + " is \"" + std::string{value} + "\": " + std::string{why}};
}

std::uint32_t parse_number(std::string_view name, std::string_view value, std::uint32_t max) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number > max)
    refuse(name, value, "expected a number up to " + std::to_string(max));
  return number;
}

std::uint16_t check_port(std::string_view name, std::uint32_t port) {
  if (port == 0 || port > std::numeric_limits<std::uint16_t>::max())
    refuse(name, std::to_string(port), "a port is a number from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

std::string check_address(std::string_view name, std::string address) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-'
           || c == '_' || c == ':' || c == '%';
  };
  if (address.empty() || !std::all_of(address.begin(), address.end(), fits))
    refuse(name, address, "expected a host name or an address, without brackets and port");
  return address;
}

/// Reads variables that must be set. `because` tells in messages why one that is not set is needed.
class variables {
public:
  variables(const environment& look_up, std::string because)
      : look_up_{look_up}, because_{std::move(because)} {}

  [[nodiscard]] std::string text(std::string_view name) const {
    if (auto value = look_up_(name))
      return *std::move(value);
    throw std::invalid_argument{std::string{name} + " is not set, although " + because_};
  }

  [[nodiscard]] std::uint32_t index(std::string_view name, std::uint32_t size,
                                    std::string_view size_name) const {
    const auto value = text(name);
    const auto number = parse_number(name, value, hosts_max);
    if (number >= size)
      refuse(name, value,
             "it has to be below " + std::string{size_name} + ", which is " + std::to_string(size));
    return number;
  }

  [[nodiscard]] std::uint32_t size(std::string_view name) const {
    const auto value = text(name);
    const auto number = parse_number(name, value, hosts_max);
    if (number == 0)
      refuse(name, value, "it has to be at least 1");
    return number;
  }

private:
  const environment& look_up_;
  std::string because_;
};

void apply_overrides(const cluster_flags& flags, cluster_place& place) {
  if (flags.master_addr)
    place.master_addr = check_address("--master-addr", *flags.master_addr);
  if (flags.master_port)
    place.master_port = check_port("--master-port", *flags.master_port);
}

cluster_place place_by_flags(const cluster_flags& flags) {
  cluster_place place;
  place.source = "flags";
  place.hosts = *flags.nnodes;
  if (place.hosts == 0 || place.hosts > hosts_max)
    refuse("--nnodes", std::to_string(place.hosts),
           "expected a number from 1 to " + std::to_string(hosts_max));
  if (place.hosts > 1 && !flags.node_rank)
    throw std::invalid_argument{"--nnodes needs --node-rank: 0 on the first host, 1 on the second"};
  if (place.hosts > 1 && !flags.master_addr)
    throw std::invalid_argument{"--nnodes needs --master-addr: the address of the host with --node-rank 0"};
  place.host = flags.node_rank.value_or(0);
  if (place.host >= place.hosts)
    refuse("--node-rank", std::to_string(place.host),
           "it has to be below --nnodes, which is " + std::to_string(place.hosts));
  return place;
}

/// How many tasks each node has, when that is the same number everywhere. Slurm writes "2(x3)", or "2,2,2",
/// or "2(x2),1".
std::optional<std::uint32_t> tasks_of_every_node(std::string_view name, const std::string& value) {
  std::optional<std::uint32_t> tasks;
  std::string_view rest = value;
  do {
    const auto group = rest.substr(0, rest.find(','));
    const auto count = parse_number(name, group.substr(0, group.find('(')), hosts_max);
    if (tasks && *tasks != count)
      return std::nullopt;
    tasks = count;
    rest.remove_prefix(std::min(group.size() + 1, rest.size()));
  } while (!rest.empty());
  return tasks;
}

/// The names of the step's own nodes in order: number 0 runs on the first. SLURM_LAUNCH_NODE_IPADDR would be
/// the machine that srun was typed on, which need not be one of them.
std::string first_node(const std::string& list, std::uint32_t nodes) {
  try {
    auto names = expand_nodelist(list);
    if (names.size() == nodes)
      return std::move(names.front());
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument{std::string{"SLURM_STEP_NODELIST: "} + error.what()};
  }
  refuse("SLURM_STEP_NODELIST", list,
         "expected as many names as SLURM_STEP_NUM_NODES says, which is " + std::to_string(nodes));
}

/// Only what srun sets for the tasks of a step counts. The script of a batch job has SLURM_NNODES,
/// SLURM_NTASKS and SLURM_PROCID, too, but what it starts by itself runs alone on the job's first node.
bool is_in_slurm_step(const environment& look_up) {
  const auto tasks = look_up("SLURM_STEP_NUM_TASKS");
  return tasks && parse_number("SLURM_STEP_NUM_TASKS", *tasks, hosts_max) > 1;
}

/// A process's number is counted from its node and its place on the node, which is SLURM_PROCID where srun
/// fills node by node (as it does unless told otherwise). With --distribution=cyclic the numbers of one node
/// would not follow one another, and an engine's devices would seem to lie on different hosts.
cluster_place place_by_slurm(const environment& look_up, bool needs_address) {
  const variables slurm{look_up, "SLURM_STEP_NUM_TASKS is: run the program itself with srun"};
  const auto tasks = slurm.size("SLURM_STEP_NUM_TASKS");
  const auto nodes = slurm.size("SLURM_STEP_NUM_NODES");
  const auto node = slurm.index("SLURM_NODEID", nodes, "SLURM_STEP_NUM_NODES");
  cluster_place place;
  place.source = "Slurm";
  place.hosts = tasks;
  place.host = node;
  if (tasks != nodes) {
    const auto layout = slurm.text("SLURM_STEP_TASKS_PER_NODE");
    const auto on_each = tasks_of_every_node("SLURM_STEP_TASKS_PER_NODE", layout);
    if (!on_each || std::uint64_t{*on_each} * nodes != tasks)
      refuse("SLURM_STEP_TASKS_PER_NODE", layout,
             "every node needs the same number of tasks: srun --ntasks-per-node=1 for one per host, or as "
             "many as a host has devices");
    place.local_rank = slurm.index("SLURM_LOCALID", *on_each, "SLURM_STEP_TASKS_PER_NODE");
    place.host = node * *on_each + *place.local_rank;
  }
  if (needs_address)
    place.master_addr = first_node(slurm.text("SLURM_STEP_NODELIST"), nodes);
  return place;
}

/// torchrun's agent may listen on MASTER_PORT as long as the processes run. A variable says so; host 0 then
/// takes the next port.
std::uint16_t torchrun_port(const environment& look_up) {
  const auto value = look_up("MASTER_PORT");
  if (!value)
    return default_master_port;
  const auto port = check_port("MASTER_PORT", parse_number("MASTER_PORT", *value, 65'535));
  if (look_up("TORCHELASTIC_USE_AGENT_STORE") != "True")
    return port;
  if (port == 65'535)
    refuse("MASTER_PORT", *value, "torchrun listens there itself and no port follows; use a lower one");
  return static_cast<std::uint16_t>(port + 1);
}

/// torchrun starts one process per device.
std::optional<std::uint32_t> torchrun_local_rank(const environment& look_up, const cluster_place& place) {
  if (place.hosts == 1 || (!look_up("LOCAL_RANK") && !look_up("LOCAL_WORLD_SIZE")))
    return std::nullopt;
  const variables torchrun{look_up, "RANK and WORLD_SIZE are"};
  const auto on_each = torchrun.size("LOCAL_WORLD_SIZE");
  const auto local_rank = torchrun.index("LOCAL_RANK", on_each, "LOCAL_WORLD_SIZE");
  if (place.hosts % on_each != 0 || place.host % on_each != local_rank)
    refuse("LOCAL_WORLD_SIZE", std::to_string(on_each),
           "every machine needs that many processes, with numbers that follow one another; but RANK is "
               + std::to_string(place.host) + ", LOCAL_RANK " + std::to_string(local_rank)
               + " and WORLD_SIZE " + std::to_string(place.hosts));
  return local_rank;
}

cluster_place place_by_torchrun(const cluster_flags& flags, const environment& look_up) {
  const variables torchrun{look_up, look_up("RANK") ? "RANK is" : "WORLD_SIZE is"};
  cluster_place place;
  place.source = "torchrun";
  place.hosts = torchrun.size("WORLD_SIZE");
  place.host = torchrun.index("RANK", place.hosts, "WORLD_SIZE");
  place.local_rank = torchrun_local_rank(look_up, place);
  if (place.hosts > 1 && !flags.master_addr)
    place.master_addr = check_address("MASTER_ADDR", torchrun.text("MASTER_ADDR"));
  if (!flags.master_port)
    place.master_port = torchrun_port(look_up);
  return place;
}

cluster_place place_by_launcher(const cluster_flags& flags, const environment& look_up) {
  // A torchrun that srun started on every node is the inner launcher: only it knows its processes.
  const bool has_torchrun = look_up("RANK") || look_up("WORLD_SIZE");
  if (has_torchrun && look_up("TORCHELASTIC_RUN_ID"))
    return place_by_torchrun(flags, look_up);
  if (is_in_slurm_step(look_up))
    return place_by_slurm(look_up, !flags.master_addr);
  return has_torchrun ? place_by_torchrun(flags, look_up) : cluster_place{};
}

} // namespace

cluster_place find_place(const cluster_flags& flags, const environment& look_up) {
  if (flags.node_rank && !flags.nnodes)
    throw std::invalid_argument{"--node-rank needs --nnodes: how many hosts there are"};
  auto place = flags.nnodes ? place_by_flags(flags) : place_by_launcher(flags, look_up);
  apply_overrides(flags, place);
  return place;
}

} // namespace ckpt::apps
