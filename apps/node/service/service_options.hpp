// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The options of a resident node, beside those of an update.

#include "apps/node/service/watcher.hpp"
#include "io/http/http_server.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ckpt::apps {

struct network_options;

struct service_options {
  std::vector<io::http_listen_address> listen;
  std::string listen_key; ///< callers over TCP must send it as a bearer token
  std::uint64_t resident_memory_bytes = 0;
  std::uint64_t read_bytes_per_second_max = 0; ///< while it prepares; 0: no limit
  watch_options watch;
  std::uint32_t kept_versions_max = 0; ///< of --watch: older ones are forgotten; 0: no limit
  bool heals = false;                  ///< restarted engines get the version that they are to serve
  bool rolls_back = false;             ///< after a failed update engines get the version before
};

/// The flags as given, not yet checked.
struct service_flags {
  CLI::App* serve = nullptr; ///< the subcommand
  std::vector<std::string> listen;
  std::string listen_key_file;
  std::uint64_t resident_memory_bytes = 0;
  std::uint64_t read_limit = 0;
  std::string on_failure = "keep";
  std::string watch;
  std::string watch_marker = "STABLE";
  std::uint32_t keep = 0;
  bool heal = false;
};

void add_service_flags(CLI::App& app, service_flags& flags);

/// `network` is checked already: its files are for callers over TCP, too. Throws std::invalid_argument.
[[nodiscard]] service_options check(const service_flags& flags, const network_options& network);

} // namespace ckpt::apps
