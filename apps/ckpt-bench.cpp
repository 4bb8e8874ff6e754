// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Measures reading and updating, and writes synthetic checkpoints. See apps/bench/.

#include "apps/bench/command_line.hpp"

#include <exception>
#include <filesystem>
#include <iostream>

int main(int argc, char** argv) {
  using namespace ckpt::apps::bench;
  try {
    // The other programs of the build, and the script, lie beside this one.
    return run(parse_command_line(argc, argv), std::filesystem::read_symlink("/proc/self/exe").parent_path());
  } catch (const std::exception& error) {
    std::cerr << "ckpt-bench: " << error.what() << '\n';
    return 1;
  }
}
