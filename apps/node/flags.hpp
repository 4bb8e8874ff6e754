// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The flags of ckpt-actor-node, their defaults and their --help. command_line.cpp checks them together.

#include "apps/node/cluster_place.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/proof_flags.hpp"
#include "apps/node/service/service_options.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ckpt::apps {

/// The flags as given, each checked alone.
struct raw_options {
  std::string update_method = "broadcast";
  std::string checkpoint_path;
  std::uint32_t inference_parallel_size = 8;
  std::vector<std::string> endpoints{"http://localhost:19730"};
  std::string checkpoint_name = "my-checkpoint-iter-0";
  std::string save_metas_file;
  std::string load_metas_file;
  std::string peer_address;
  std::uint64_t send_limit = 0;
  std::string uds;
  std::string weight_version;
  std::uint32_t sleep_seconds = 0;
  std::string engine = "sglang";
  std::string device = "auto";
  std::uint32_t devices = 0;
  std::string ipc_handle = "versioned";
  std::string api_key_file;
  std::string pause = "auto";
  double stay_seconds = 300;
  double timeout_seconds = 300;
  cluster_flags cluster;
  network_options network;
  double host_timeout_seconds = 4;
  std::uint64_t bucket_bytes = 0;
  std::vector<std::string> keep_together;
  std::uint64_t host_memory_bytes = 1ull << 30;
  std::uint64_t chunk_bytes = 4 << 20;
  std::uint32_t reads_in_flight = 32;
  std::string report;
  std::string trace;
  proof_flags proof;
  service_flags service;
  bool dry_run = false;
};

/// `raw` outlives `app`.
void add_flags(CLI::App& app, raw_options& raw);

} // namespace ckpt::apps
