// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the user asks of a node that stays, beside the flags of an update.

#include "io/http/http_server.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ckpt::apps {

struct service_options {
  std::vector<io::http_listen_address> listen;
  std::string listen_key; ///< that callers over TCP have to know
  std::uint64_t resident_memory_bytes = 0;
  std::uint64_t read_bytes_per_second_max = 0; ///< while it prepares; 0: as fast as it goes
  bool rolls_back = false; ///< after a failed update the engines get what they served before
};

/// As they stand on the command line.
struct service_flags {
  CLI::App* serve = nullptr; ///< the subcommand
  std::vector<std::string> listen;
  std::string listen_key_file;
  std::uint64_t resident_memory_bytes = 0;
  std::uint64_t read_limit = 0;
  std::string on_failure = "keep";
};

void add_service_flags(CLI::App& app, service_flags& flags);

/// "unix:PATH" or "ADDRESS:PORT", which has to be of this host alone. Throws std::invalid_argument.
[[nodiscard]] io::http_listen_address parse_listen_address(const std::string& text);

/// Where it listens unless it is told: below the user's runtime directory.
[[nodiscard]] std::string default_listen_address();

/// Throws std::invalid_argument.
[[nodiscard]] service_options check(const service_flags& flags);

} // namespace ckpt::apps
