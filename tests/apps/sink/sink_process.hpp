// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The program ckpt-sink as a process.

#include "io/fd.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::tests {

/// A running ckpt-sink and its standard output. Killed at the end when it still runs.
class sink_process {
public:
  explicit sink_process(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), CKPT_SINK_PROGRAM);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw std::system_error{errno, std::generic_category(), "pipe"};
    output_ = io::fd{ends[0]};
    const io::fd write_end{ends[1]};
    std::vector<char*> argv;
    for (auto& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.number(), STDOUT_FILENO);
    const auto error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
      throw std::system_error{error, std::generic_category(), "spawn"};
  }
  sink_process(const sink_process&) = delete;
  sink_process& operator=(const sink_process&) = delete;
  ~sink_process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
  }

  /// The next line of its output without the line end; what there is when it ends before.
  std::string read_line() {
    std::string line;
    for (char next = 0; ::read(output_.number(), &next, 1) == 1 && next != '\n';)
      line.push_back(next);
    return line;
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  void signal(int number) const { ::kill(pid_, number); }

  /// The wait status, as for WIFEXITED and its like.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

private:
  pid_t pid_ = -1;
  io::fd output_;
};

} // namespace ckpt::tests
