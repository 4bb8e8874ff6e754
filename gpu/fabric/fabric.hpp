// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tagged messages between hosts, over whatever UCX finds: InfiniBand, RoCE, or TCP. A `fabric` is UCX's
// context and worker, a `fabric_endpoint` the connection to one other host, a `fabric_transfer` a message
// under way.
//
// Only wait() and functions that state a time block, and any call in which UCX connects over TCP: for up to
// `connect_max` a connection (fabric_door.cpp). One thread at a time uses a fabric and what belongs to it;
// any thread may call wake().
//
// The death of a peer makes its endpoint fail and never ends this process, not even where UCX calls abort()
// (abort_guard.hpp). After an abort() the fabric is broken: it does nothing more, completes nothing more, and
// keeps its memory.

#include "gpu/fabric/fabric_door.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct ucp_context;
struct ucp_worker;
struct ucp_ep;

namespace ckpt::gpu {

struct fabric_options {
  std::string network_devices; ///< UCX's NET_DEVICES; empty: its own choice, or what its variables say
  std::string transports;      ///< UCX's TLS; empty: likewise
  std::uint64_t piece_bytes = 2 << 20;           ///< of a broadcast in one message
  std::uint32_t pieces_in_flight_max = 8;        ///< sent by one host at a time
  stranger_report report_stranger;               ///< may be empty
  std::chrono::milliseconds connect_max{10'000}; ///< for one connection over TCP; its caller waits
};

/// A call into UCX failed.
class fabric_error : public std::runtime_error {
public:
  using runtime_error::runtime_error;
};

class fabric;

/// One message. It and its memory must stay where they are until it is complete or its fabric is gone.
struct fabric_transfer {
  fabric* local = nullptr;
  void* request = nullptr;       ///< UCX's; null when it is not under way
  std::uint64_t length = 0;      ///< as announced
  const char* failure = nullptr; ///< UCX's error text; null when all is well
};

class fabric {
public:
  /// Throws fabric_error, naming the failing call.
  explicit fabric(const fabric_options& options);
  fabric(const fabric&) = delete;
  fabric& operator=(const fabric&) = delete;

  /// Destroy its endpoints first. Waits up to a second for the transfers that they left; those still under
  /// way then are abandoned.
  ~fabric() noexcept;

  /// The address for others' fabric_endpoint: opaque bytes. Over TCP nobody connects without it. Throws
  /// fabric_error.
  [[nodiscard]] std::string address() const;

  /// Receives the one message with exactly this tag into `destination`.
  void receive(std::span<std::byte> destination, std::uint64_t tag, fabric_transfer& transfer) noexcept;

  /// Cancels a receive, unless its message is arriving already.
  void cancel(fabric_transfer& transfer) noexcept;

  /// Makes progress: moves bytes. True when there was something to do.
  bool progress() noexcept;

  /// The transfers that have completed or failed since the last call.
  [[nodiscard]] std::vector<fabric_transfer*> take_completed() noexcept;

  /// Sleeps until there may be something to do, here or in `other`, at most for `timeout`.
  void wait(std::chrono::milliseconds timeout, fabric* other = nullptr) noexcept;

  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

  /// Ends the wait under way, or the next one; a broken fabric does not wait. Any thread.
  void wake() noexcept;

  /// For UCX's callbacks: the end of a transfer, with its ucs_status_t.
  static void complete(fabric_transfer& transfer, int status) noexcept;

private:
  friend class fabric_endpoint;
  struct destroy {
    void operator()(ucp_context* context) const noexcept;
    void operator()(ucp_worker* worker) const noexcept;
  };

  /// Makes a call into UCX. False when this call, or one before it, ended in abort().
  template <class Call>
  bool survives(Call&& call) noexcept;

  std::unique_ptr<fabric_door> door_;
  std::unique_ptr<ucp_context, destroy> context_;
  std::unique_ptr<ucp_worker, destroy> worker_;
  int events_ = -1;                     ///< UCX's: readable when an armed worker has something to do
  std::atomic<bool> is_broken_ = false; ///< atomic for wake()
  std::size_t under_way_ = 0;           ///< transfers
  std::vector<fabric_transfer*> completed_;
};

/// The way to one other host.
class fabric_endpoint {
public:
  /// Throws fabric_error. Does not wait for the other host's program. Without `connect_time_max` UCX may wait
  /// for minutes, again and again, for a host that does not answer over TCP; with it once.
  fabric_endpoint(fabric& local, const std::string& address,
                  std::optional<std::chrono::milliseconds> connect_time_max = {});
  fabric_endpoint(const fabric_endpoint&) = delete;
  fabric_endpoint& operator=(const fabric_endpoint&) = delete;

  /// Closes it, whatever state the other host is in; transfers under way fail.
  ~fabric_endpoint() noexcept;

  /// Zero-copy rendezvous: the bytes travel only once the other host has asked for them.
  void send(std::span<const std::byte> source, std::uint64_t tag, fabric_transfer& transfer) noexcept;

  /// UCX's error text for how the connection ended; null as long as it has not.
  [[nodiscard]] const char* failure() const noexcept { return failure_; }

private:
  fabric& local_;
  ucp_ep* endpoint_ = nullptr;
  const char* failure_ = nullptr;
};

} // namespace ckpt::gpu
