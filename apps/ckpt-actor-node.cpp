// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The program that moves weights: one per host. See apps/README.md.

#include "apps/node/client/client.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/run.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  try {
    if (ckpt::apps::is_client_command(argc, argv))
      return ckpt::apps::run_client_command(argc, argv);
    const auto command = ckpt::apps::parse_command_line(argc, argv);
    if (!command.options)
      return command.exit_status;
    const auto end = ckpt::apps::run(*command.options);
    if (end.at_once)
      std::_Exit(end.exit_status);
    return end.exit_status;
  } catch (const std::exception& error) {
    std::cerr << "ckpt-actor-node: " << error.what() << '\n';
    return 1;
  }
}
