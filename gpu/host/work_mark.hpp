// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A mark in shared memory: a process is at work on a device. It stays when its process is killed, or ends
// while a worker may still be waiting. The next process learns of that worker from the mark.

#include "gpu/owned_file.hpp"

#include <filesystem>
#include <string>

namespace ckpt::gpu {

class work_mark {
public:
  /// Sets the mark for the device with this UUID, and removes the marks of processes that are gone. Throws
  /// std::system_error.
  explicit work_mark(const std::string& uuid, const std::filesystem::path& directory = "/dev/shm");
  work_mark(const work_mark&) = delete;
  work_mark& operator=(const work_mark&) = delete;

  /// Removes the mark, unless it is to stay.
  ~work_mark() noexcept { take_away(); }

  /// True when there was a mark of a process that is gone, or since stay(true).
  [[nodiscard]] bool was_abandoned() const noexcept { return was_abandoned_; }

  /// Decides whether the mark stays when this process ends, and what was_abandoned() says until then. By
  /// default it stays if there was another mark: the next process has to know of a worker not yet dealt with.
  void stay(bool stays) noexcept { was_abandoned_ = stays_ = stays; }

  void take_away() noexcept;

private:
  owned_file file_;
  bool was_abandoned_ = false;
  bool stays_ = false;
};

} // namespace ckpt::gpu
