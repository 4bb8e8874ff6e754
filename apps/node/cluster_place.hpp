// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where this process stands among those that do the update together: how many there are, which one this is,
// and where number 0 is to be found. Told by flags, by srun, or by torchrun; the same command line then does
// on every host.
//
// A launcher starts one process per host, or one per device. In the second case each of them counts as a host
// of one device, and `local_rank` says which device of its machine that is. The numbers of the processes of
// one machine always follow one another.
//
// Pure: the environment comes in as a function. What is set only in part, or makes no sense, is refused and
// never guessed: two hosts that guess differently would wait for each other.

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
  std::optional<std::uint32_t>
      local_rank;                  ///< set when this process takes just this one device of its machine
  std::string source = "one host"; ///< "flags", "Slurm", "torchrun", "one host": for the log
};

/// --nnodes decides alone; else a torchrun that is itself a task of Slurm; else Slurm; else torchrun; else
/// there is one host. --master-addr and --master-port override what a launcher says. Throws
/// std::invalid_argument with a sentence that names the flag or the variable.
[[nodiscard]] cluster_place find_place(const cluster_flags& flags, const environment& look_up);

} // namespace ckpt::apps
