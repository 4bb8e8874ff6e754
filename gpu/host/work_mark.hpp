// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A mark in shared memory that a process is at work on a device. A process that is killed leaves it behind,
// and so does one that leaves a worker behind: the next one then knows that a worker may still be waiting.

#include "gpu/owned_file.hpp"

#include <filesystem>
#include <string>

namespace ckpt::gpu {

class work_mark {
public:
  /// Sets the mark for the device with this uuid, and takes away those of processes that are gone. Throws
  /// std::system_error.
  explicit work_mark(const std::string& uuid, const std::filesystem::path& directory = "/dev/shm");
  work_mark(const work_mark&) = delete;
  work_mark& operator=(const work_mark&) = delete;

  /// Takes the mark away, unless it is to stay.
  ~work_mark() noexcept { take_away(); }

  /// True when a process that is gone had left its mark, or this one has by now: see stay().
  [[nodiscard]] bool was_abandoned() const noexcept { return was_abandoned_; }

  /// Whether it stays when this process ends. At first it does when there was another: what that one tells is
  /// true until somebody has seen to it.
  void stay(bool stays) noexcept { was_abandoned_ = stays_ = stays; }

  void take_away() noexcept;

private:
  owned_file file_;
  bool was_abandoned_ = false;
  bool stays_ = false;
};

} // namespace ckpt::gpu
