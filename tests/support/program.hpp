// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A program that a test starts, watches and ends. Whatever happens, it does not outlive the test.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ckpt::tests {

class program {
public:
  /// Starts `arguments[0]`; stdout and stderr go to the file `log`, nothing comes from stdin. Throws
  /// std::system_error.
  program(const std::vector<std::string>& arguments, std::filesystem::path log);
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() noexcept;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  void send_signal(int number) const;

  /// Waits for the end: the exit status, minus the signal's number when one ended it, or nothing when it
  /// still runs after `deadline`.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds deadline);

  /// Once it has ended: how much the disks had to read for it.
  [[nodiscard]] std::uint64_t disk_bytes() const noexcept { return disk_bytes_; }

  /// What it has printed so far.
  [[nodiscard]] std::string output() const;

private:
  pid_t pid_ = -1;
  std::filesystem::path log_;
  std::optional<int> status_;
  std::uint64_t disk_bytes_ = 0;
};

/// The processes that `parent` has started and that still run.
[[nodiscard]] std::vector<pid_t> children_of(pid_t parent);

/// Asks `condition` until it holds; false when `deadline` passes first.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds deadline = std::chrono::seconds{20});

/// The whole file, or nothing in it when it cannot be read.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

} // namespace ckpt::tests
