// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A device made of shared memory of this host: its ring is a file in /dev/shm that the worker maps. For hosts
// without a GPU, dry runs, and trying out clusters before the engines are there.

#include "gpu/collective.hpp"
#include "gpu/device.hpp"
#include "gpu/host/host_stream.hpp"
#include "gpu/host/work_mark.hpp"
#include "gpu/owned_file.hpp"

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ckpt::gpu {

class host_device final : public device {
public:
  /// The `index`-th device of this process, with its ring in `directory` under a random UUID.
  explicit host_device(unsigned index, std::filesystem::path directory = "/dev/shm");

  /// The same with a UUID that the next process will use again. It then finds the mark of a killed process,
  /// and the worker that still waits for that one. Throws std::system_error.
  host_device(unsigned index, std::string uuid, std::filesystem::path directory = "/dev/shm");
  ~host_device() noexcept override;

  /// Lets the ring keep its name until this process ends, so that the next run can use it again. If the
  /// process is killed, the memory stays until another process makes a ring.
  void keep_ring() noexcept { keeps_ring_ = true; }

  [[nodiscard]] const std::string& uuid() const noexcept override { return uuid_; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] bool was_abandoned() const noexcept override;
  void stay_abandoned(bool stays) noexcept override;
  // It copies with the CPU: nothing has to be pinned.
  void pin(std::span<std::byte>) override {}
  [[nodiscard]] bool copies_from_anywhere() const noexcept override { return true; }
  void unpin(std::span<const std::byte>) noexcept override {}
  void begin_run(std::uint64_t ring_bytes) override;
  void end_run() noexcept override { stream_.reset(); }
  [[nodiscard]] ring_export export_ring() override;
  void hide_export() noexcept override;
  void withdraw_export() noexcept override;
  [[nodiscard]] bool is_released() const noexcept override {
    return true;
  } // A mapping keeps the memory alive.
  ticket copy(const std::byte* source, std::span<const copy_piece> pieces) override;
  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override;

  [[nodiscard]] std::span<std::byte> ring() const noexcept {
    return ring_ ? ring_->bytes() : std::span<std::byte>{};
  }

private:
  std::string uuid_;
  std::string description_;
  std::filesystem::path directory_;
  std::string queue_name_;
  bool keeps_ring_ = false;
  mutable std::mutex exports_;    ///< guards the names of the two files below, and what follows them
  std::optional<work_mark> mark_; ///< of a device whose UUID the next process uses again
  std::optional<owned_file> ring_;
  bool is_withdrawn_ = false;
  std::optional<host_stream> stream_; // Last: it copies into the ring.
};

/// Removes the ring files in `directory` whose owners are gone. Returns how many.
unsigned remove_stale_rings(const std::filesystem::path& directory) noexcept;

/// Broadcasts among the host devices of one process, which are ranks 0..n-1.
class host_collective final : public collective {
public:
  /// The devices outlive the collective.
  explicit host_collective(std::vector<const host_device*> devices);

  [[nodiscard]] std::string description() const override { return "copies within this host's memory"; }
  ticket broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) override;
  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override;

private:
  std::vector<const host_device*> devices_;
  host_stream stream_;
};

} // namespace ckpt::gpu
