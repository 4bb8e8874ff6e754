// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The place of this process in the cluster: how many hosts there are, which one this is, and where host 0 is.
// Taken from flags, srun or torchrun, so that the same command line works on every host.
//
// A launcher starts one process per host, or one per device. In the second case each process counts as a host
// with one device, and `local_rank` tells which device of its machine that is. The processes of one machine
// have consecutive numbers.
//
// Pure: the environment is a parameter. An incomplete or contradictory place is refused and never guessed:
// two hosts that guess differently would wait for each other.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ckpt::apps {

inline constexpr std::uint32_t hosts_max = 65'536;
inline constexpr std::uint16_t default_master_port = 29'500; ///< torchrun's default, too

/// Looks a variable up.
using environment = std::function<std::optional<std::string>(std::string_view)>;

/// --nnodes, --node-rank, --master-addr, --master-port.
struct cluster_flags {
  std::optional<std::uint32_t> nnodes;
  std::optional<std::uint32_t> node_rank;
  std::optional<std::string> master_addr;
  std::optional<std::uint16_t> master_port;
};

struct cluster_place {
  std::uint32_t hosts = 1;
  std::uint32_t host = 0; ///< below `hosts`
  std::string master_addr = "127.0.0.1";
  std::uint16_t master_port = default_master_port;
  std::optional<std::uint32_t> local_rank; ///< if set, the only device of its machine that this process takes
  std::string source = "one host";         ///< "flags", "Slurm", "torchrun", "one host": for the log
};

/// Order of precedence: --nnodes; torchrun itself, also inside a Slurm step; Slurm; RANK and WORLD_SIZE
/// alone; one host. --master-addr and --master-port override a launcher's values. Throws
/// std::invalid_argument with a sentence that names the flag or the variable.
[[nodiscard]] cluster_place find_place(const cluster_flags& flags, const environment& look_up);

} // namespace ckpt::apps
