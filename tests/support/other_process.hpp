// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A second process of a test program, which plays a role of its own and talks with the test in messages. It
// is started anew and not forked: CUDA does not work in a forked child.

#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

namespace ckpt::tests {

/// One end of a conversation. Messages have at most 64 KiB.
class conversation {
public:
  explicit conversation(int file) noexcept : file_{file} {}
  conversation(const conversation&) = delete;
  conversation& operator=(const conversation&) = delete;
  ~conversation() noexcept;

  void send(const std::string& message) const;

  /// The next message; empty when the other end is gone.
  [[nodiscard]] std::string receive() const;

private:
  int file_;
};

/// What a process does in a role; returns its exit status.
using role = int (*)(conversation&);

class other_process {
public:
  /// Starts this program in a role, with these variables in its environment.
  explicit other_process(const std::string& name, const std::map<std::string, std::string>& variables = {});
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  /// Kills it if it has not ended.
  ~other_process() noexcept;

  [[nodiscard]] const conversation& talk() const noexcept { return *talk_; }

  void signal(int number) const;

  /// Stops it, and returns when it does nothing any more.
  void stop() const;

  /// Waits for its end: the exit status, or minus the signal's number.
  int wait();

private:
  pid_t pid_ = -1;
  std::optional<conversation> talk_;
};

/// True in a process that plays a role.
[[nodiscard]] bool has_role(int argc, char** argv);

/// main() of a test program whose processes have these roles besides that of the tests.
int run_tests_or_role(int argc, char** argv, const std::map<std::string, role>& roles);

} // namespace ckpt::tests
