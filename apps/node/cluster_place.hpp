// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which host of how many this process is, and where host 0 is: from the flags, else from what Slurm or
// torchrun tell every process that they start, else this host is the only one. Pure: the environment comes in
// as a function.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ckpt::apps {

/// Looks up a variable.
using environment = std::function<std::optional<std::string>(std::string_view)>;

/// What the user gave of --nnodes, --node-rank, --master-addr, --master-port.
struct cluster_flags {
  std::optional<std::uint32_t> nnodes;
  std::optional<std::uint32_t> node_rank;
  std::optional<std::string> master_addr;
  std::optional<std::uint16_t> master_port;
};

struct cluster_place {
  std::uint32_t hosts = 1; ///< processes that take part, strictly speaking
  std::uint32_t host = 0;
  std::string master_addr = "127.0.0.1"; ///< a name or a number
  std::uint16_t master_port = 29500;
  std::optional<std::uint32_t> local_rank; ///< set when this process takes this one device of its host
  std::string source = "one host";         ///< who said so: for the log
};

/// Without --nnodes, Slurm or torchrun decide; --master-addr and --master-port then override theirs. Throws
/// std::invalid_argument that names the flag or variable that makes no sense.
[[nodiscard]] cluster_place find_place(const cluster_flags& flags, const environment& variables);

} // namespace ckpt::apps
