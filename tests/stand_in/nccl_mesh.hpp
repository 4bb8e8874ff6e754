// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How ranks find each other and what their bytes travel through: a TCP connection between any two ranks, in
// this process or in others. They listen at the interface that NCCL_SOCKET_IFNAME names, else at loopback.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <netinet/in.h>

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

/// Where the ranks of one communicator meet.
struct meeting_place {
  sockaddr_in address{};
  std::uint64_t nonce = 0; ///< unlike that of any other
};

/// What a rank tells of itself there.
struct rank_card {
  std::uint64_t nonce = 0; ///< of the meeting
  std::int32_t rank = 0;
  std::int32_t ranks = 0;
  gpu_uuid uuid{};
  std::uint64_t host = 0; ///< what NCCL_HOSTID makes of it
  sockaddr_in address{};  ///< where it listens
};

/// A thread waits there until all have come, if they ever do.
[[nodiscard]] meeting_place open_meeting_place();

class mesh {
public:
  /// Connects with all other ranks, as soon as they come. Throws `interrupted` and `rank_lost`.
  mesh(const meeting_place& place, int rank, int ranks, const gpu_uuid& uuid, const interruption& end);
  mesh(const mesh&) = delete;
  mesh& operator=(const mesh&) = delete;
  ~mesh() noexcept;

  void send(int rank, std::span<const std::byte> bytes) const;
  void receive(int rank, std::span<std::byte> bytes) const;

  /// True when two ranks have the same GPU of the same host, which NCCL refuses.
  [[nodiscard]] bool shares_gpus() const noexcept { return shares_gpus_; }

private:
  void connect(const meeting_place& place, int rank, int ranks, const gpu_uuid& uuid);

  const interruption& end_;
  std::vector<int> files_; ///< by the other end's rank
  bool shares_gpus_ = false;
};

} // namespace ckpt::stand_in
