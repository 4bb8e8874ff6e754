// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Other programs that take part in a measurement. One thread uses an object.

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ckpt::apps::bench {

/// A child process. Killed when the object is destroyed before the program has ended.
class child {
public:
  /// Starts `arguments[0]`, looked for in PATH when it has no slash, with standard output and error in the
  /// file `output`. Throws std::system_error.
  child(const std::vector<std::string>& arguments, const std::filesystem::path& output);
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() noexcept;

  /// Sends SIGTERM.
  void terminate() noexcept;

  /// Waits for its end and returns its exit status, or 128 and the signal's number. Throws std::runtime_error
  /// when it has not ended after `timeout`.
  int wait(std::chrono::milliseconds timeout);

private:
  std::string name_;
  pid_t process_ = -1;
};

/// Runs a program to its end and returns its standard output. Throws std::runtime_error with its output when
/// it fails.
[[nodiscard]] std::string run_program(const std::vector<std::string>& arguments);

} // namespace ckpt::apps::bench
