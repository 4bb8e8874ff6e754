// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/cluster_place.hpp"

#include "apps/node/slurm_nodelist.hpp"

#include <charconv>
#include <stdexcept>

namespace ckpt::apps {
namespace {

/// What Slurm numbers the batch script's own step: started by sbatch, alone on the first host.
constexpr std::string_view batch_steps[] = {"4294967291", "batch"};

[[nodiscard]] std::uint32_t parse_number(std::string_view name, const std::string& text, std::uint32_t max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max)
    throw std::invalid_argument{std::string{name} + "=\"" + text + "\" is no number from 0 to "
                                + std::to_string(max)};
  return value;
}

constexpr std::uint32_t hosts_max = 65'536;

[[nodiscard]] std::optional<std::uint32_t> number(const environment& variables, std::string_view name,
                                                  std::uint32_t max = hosts_max) {
  const auto text = variables(name);
  return text ? std::optional{parse_number(name, *text, max)} : std::nullopt;
}

[[nodiscard]] std::string require(const environment& variables, std::string_view name,
                                  std::string_view because) {
  auto text = variables(name);
  if (!text || text->empty())
    throw std::invalid_argument{std::string{because} + " is set, but " + std::string{name} + " is not"};
  return *text;
}

/// Slurm: only a task that srun started. The batch script of a job of many hosts runs on one of them, alone.
[[nodiscard]] std::optional<cluster_place> ask_slurm(const environment& variables) {
  const auto step = variables("SLURM_STEP_ID");
  if (!step || step == batch_steps[0] || step == batch_steps[1])
    return std::nullopt;
  const auto first_of = [&](std::string_view better, std::string_view other) {
    return variables(better) ? better : other;
  };
  const auto tasks = number(variables, first_of("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")).value_or(1);
  if (tasks <= 1)
    return std::nullopt;
  const auto nodes = number(variables, first_of("SLURM_STEP_NUM_NODES", "SLURM_NNODES")).value_or(1);
  cluster_place place;
  place.source = "Slurm";
  place.hosts = tasks;
  place.host = parse_number("SLURM_PROCID", require(variables, "SLURM_PROCID", "SLURM_STEP_ID"), hosts_max);
  if (tasks > nodes)
    place.local_rank =
        parse_number("SLURM_LOCALID", require(variables, "SLURM_LOCALID", "SLURM_STEP_ID"), hosts_max);
  place.master_addr =
      expand_slurm_nodelist(
          require(variables, first_of("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"), "SLURM_STEP_ID"))
          .front();
  return place;
}

[[nodiscard]] std::optional<cluster_place> ask_torchrun(const environment& variables) {
  const auto size = number(variables, "WORLD_SIZE");
  const auto rank = number(variables, "RANK");
  if (!size && !rank)
    return std::nullopt;
  cluster_place place;
  place.source = "torchrun";
  place.hosts =
      size ? *size : parse_number("WORLD_SIZE", require(variables, "WORLD_SIZE", "RANK"), hosts_max);
  place.host = rank ? *rank : parse_number("RANK", require(variables, "RANK", "WORLD_SIZE"), hosts_max);
  if (place.hosts <= 1)
    return place;
  place.local_rank = number(variables, "LOCAL_RANK");
  place.master_addr = require(variables, "MASTER_ADDR", "WORLD_SIZE");
  if (const auto port = number(variables, "MASTER_PORT", 65'535))
    place.master_port = static_cast<std::uint16_t>(*port);
  // torchrun's own agent then listens at that port itself.
  if (variables("TORCHELASTIC_USE_AGENT_STORE") == "True")
    ++place.master_port;
  return place;
}

[[nodiscard]] cluster_place from_flags(const cluster_flags& flags) {
  cluster_place place;
  place.source = "flags";
  place.hosts = *flags.nnodes;
  place.host = flags.node_rank.value_or(0);
  if (place.hosts == 0 || place.hosts > hosts_max)
    throw std::invalid_argument{"--nnodes must be between 1 and " + std::to_string(hosts_max)};
  if (place.hosts > 1 && !flags.node_rank)
    throw std::invalid_argument{"--nnodes " + std::to_string(place.hosts) + " needs --node-rank"};
  if (place.hosts > 1 && !flags.master_addr)
    throw std::invalid_argument{"--nnodes " + std::to_string(place.hosts)
                                + " needs --master-addr, the address of host 0"};
  return place;
}

} // namespace

cluster_place find_place(const cluster_flags& flags, const environment& variables) {
  if (!flags.nnodes && flags.node_rank)
    throw std::invalid_argument{"--node-rank needs --nnodes"};
  auto place = flags.nnodes ? from_flags(flags) : cluster_place{};
  if (!flags.nnodes) {
    if (auto found = ask_slurm(variables))
      place = std::move(*found);
    else if (found = ask_torchrun(variables); found)
      place = std::move(*found);
  }
  if (flags.master_addr)
    place.master_addr = *flags.master_addr;
  if (flags.master_port)
    place.master_port = *flags.master_port;
  if (place.host >= place.hosts)
    throw std::invalid_argument{place.source + ": rank " + std::to_string(place.host) + " of "
                                + std::to_string(place.hosts) + " is one too many: ranks count from 0"};
  if (place.master_port == 0)
    throw std::invalid_argument{place.source + ": the port of host 0 cannot be 0"};
  return place;
}

} // namespace ckpt::apps
