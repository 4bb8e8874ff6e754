// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How ranks find each other and what their bytes travel through: abstract Unix sockets, one between any two
// ranks, in this process or in others on this machine. They leave nothing behind.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

namespace ckpt::stand_in {

/// Ends all waits of one communicator, for good.
class interruption {
public:
  interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption() noexcept;

  void raise();
  [[nodiscard]] bool is_raised() const noexcept { return is_raised_; }
  void wait() const;

  /// Waits until `file` is ready for `events`. Throws `interrupted`.
  void wait_for(int file, short events) const;

private:
  int file_;
  std::atomic<bool> is_raised_ = false;
};

// What ends an exchange.
struct interrupted {};
struct rank_lost {};

using gpu_uuid = std::array<unsigned char, 16>;

/// What a rank tells of itself where all meet.
struct rank_card {
  std::int32_t rank = 0;
  std::int32_t ranks = 0;
  gpu_uuid uuid{};
  socklen_t address_bytes = 0;
  sockaddr_un address{}; ///< where it listens
};

/// Opens a place where the ranks of one communicator meet, and returns its name. A thread waits there until
/// all have come, if they ever do.
[[nodiscard]] std::string open_meeting_place();

class mesh {
public:
  /// Connects with all other ranks, as soon as they come. Throws `interrupted` and `rank_lost`.
  mesh(const std::string& meeting_place, int rank, int ranks, const gpu_uuid& uuid, const interruption& end);
  mesh(const mesh&) = delete;
  mesh& operator=(const mesh&) = delete;
  ~mesh() noexcept;

  void send(int rank, std::span<const std::byte> bytes) const;
  void receive(int rank, std::span<std::byte> bytes) const;

  /// True when two ranks have the same GPU, which NCCL refuses.
  [[nodiscard]] bool shares_gpus() const noexcept { return shares_gpus_; }

private:
  void connect(const std::string& meeting_place, int rank, int ranks, const gpu_uuid& uuid);

  const interruption& end_;
  std::vector<int> files_; ///< by the other end's rank
  bool shares_gpus_ = false;
};

} // namespace ckpt::stand_in
