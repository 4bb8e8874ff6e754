// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The command line of ckpt-actor-node: the flags of SGLang's weight pusher with the same names and defaults,
// and our own.

#include "actors/update/update.hpp"
#include "apps/node/cluster_place.hpp"
#include "apps/node/report_file.hpp"
#include "apps/node/service/service_options.hpp"
#include "gpu/cuda/cuda_device.hpp"
#include "io/plan/metas_file.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::apps {

enum class device_kind : std::uint8_t { cuda, host };

/// How the control network between hosts is protected.
struct network_options {
  std::string tls_ca; ///< paths of PEM files; all three or none
  std::string tls_cert;
  std::string tls_key;
  bool is_insecure = false; ///< the user trusts the network as it is

  [[nodiscard]] bool is_encrypted() const { return !tls_ca.empty(); }
};

/// Weights that move from the memory of hosts to hosts that join.
struct peer_options {
  std::optional<report_file> save_metas_file;  ///< set: this host offers its weights, and writes this
  std::optional<io::metas> sources;            ///< from --load-metas-file: take the weights from there
  std::string address;                         ///< of the offer; empty: peers.cpp finds it
  std::uint64_t send_bytes_per_second_max = 0; ///< 0: no limit

  [[nodiscard]] bool is_used() const { return save_metas_file.has_value() || sources.has_value(); }
};

struct node_options {
  actors::update_options update;
  actors::cluster_layout layout;
  cluster_place place; ///< address of host 0, number of hosts, number of this one
  network_options network;
  std::chrono::milliseconds host_timeout{4'000};
  std::filesystem::path checkpoint_path;
  device_kind device = device_kind::cuda;
  gpu::cuda_options cuda;
  std::uint64_t bucket_bytes = 0;         ///< 0: by the checkpoint's size
  std::vector<std::string> keep_together; ///< patterns, see io::name_pattern
  std::optional<report_file> report;
  std::optional<report_file> trace;    ///< host 0's
  std::filesystem::path prove_against; ///< an earlier report; empty: none
  bool doctor = false;                 ///< examine the engines, see doctor.hpp
  bool is_answered = false;            ///< --yes: the user agrees that serving is interrupted
  bool dry_run = false;
  peer_options peers;
  std::optional<service_options> service; ///< set for a process that stays and makes many updates
  std::uint32_t sleep_seconds = 0;
};

struct command_line {
  std::optional<node_options> options; ///< absent after --help, --version or a mistake
  int exit_status = 0;
};

/// Parses and checks the arguments. Prints help, version or the mistake.
[[nodiscard]] command_line parse_command_line(int argc, const char* const* argv);

} // namespace ckpt::apps
