// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tagged messages between hosts, over whatever UCX finds: InfiniBand, RoCE, or TCP. What UCX calls context
// and worker is a `fabric`, the way to one other host a `fabric_endpoint`, a message under way a
// `fabric_transfer`.
//
// Nothing here blocks but wait() and the functions that say for how long. One thread at a time uses a fabric
// and what belongs to it; only wake() is for any thread.
//
// A peer that dies is the failure of its endpoint, never the end of this process: not even where UCX itself
// would have ended it (abort_guard.hpp). A fabric to which that happened is broken: it does nothing more,
// completes nothing more, and keeps what it holds.

#include "gpu/fabric/fabric_door.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
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
  std::uint64_t piece_bytes = 2 << 20;    ///< of a broadcast, in one message
  std::uint32_t pieces_in_flight_max = 8; ///< sent by one host at a time
  stranger_report report_stranger;        ///< may be empty
};

/// A call into UCX failed.
class fabric_error : public std::runtime_error {
public:
  using runtime_error::runtime_error;
};

class fabric;

/// One message. Its memory and itself stay where they are until it is complete or its fabric is gone.
struct fabric_transfer {
  fabric* local = nullptr;
  void* request = nullptr;       ///< UCX's; null when it is not under way
  std::uint64_t length = 0;      ///< as announced
  const char* failure = nullptr; ///< UCX's words; null when all is well
};

class fabric {
public:
  /// Throws fabric_error, naming the failing call.
  explicit fabric(const fabric_options& options);
  fabric(const fabric&) = delete;
  fabric& operator=(const fabric&) = delete;

  /// After its endpoints. Sees the transfers off that they left, which takes a second at most; those that are
  /// still under way then are never heard of again.
  ~fabric() noexcept;

  /// Where others reach this one: opaque bytes for their fabric_endpoint. Over TCP nobody else does.
  [[nodiscard]] std::string address() const;

  /// Lets the one message with exactly this tag come to `destination`.
  void receive(std::span<std::byte> destination, std::uint64_t tag, fabric_transfer& transfer) noexcept;

  /// Takes back the permission to write there, unless the message is coming in already.
  void cancel(fabric_transfer& transfer) noexcept;

  /// Moves bytes. True when there was something to do.
  bool progress() noexcept;

  /// Those that came to an end, good or bad, since the last call.
  [[nodiscard]] std::vector<fabric_transfer*> take_completed() noexcept;

  /// Sleeps until there may be something to do, at most for `timeout`.
  void wait(std::chrono::milliseconds timeout) noexcept;

  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

  /// Ends the wait under way, or the next one. Any thread.
  void wake() noexcept;

  /// For UCX's callbacks: the end of a transfer, with its ucs_status_t.
  static void complete(fabric_transfer& transfer, int status) noexcept;

private:
  friend class fabric_endpoint;
  struct destroy {
    void operator()(ucp_context* context) const noexcept;
    void operator()(ucp_worker* worker) const noexcept;
  };

  /// Makes a call into UCX. False when it, or one before it, ended in abort().
  template <class Call>
  bool survives(Call&& call) noexcept;

  std::unique_ptr<fabric_door> door_;
  std::unique_ptr<ucp_context, destroy> context_;
  std::unique_ptr<ucp_worker, destroy> worker_;
  int events_ = -1; ///< UCX's: readable when an armed worker has something to do
  bool is_broken_ = false;
  std::size_t under_way_ = 0; ///< transfers
  std::vector<fabric_transfer*> completed_;
};

/// The way to one other host.
class fabric_endpoint {
public:
  /// Throws fabric_error. Does not wait for the other host.
  fabric_endpoint(fabric& local, const std::string& address);
  fabric_endpoint(const fabric_endpoint&) = delete;
  fabric_endpoint& operator=(const fabric_endpoint&) = delete;

  /// Closes it, whatever state the other host is in; what was under way fails.
  ~fabric_endpoint() noexcept;

  /// The bytes are not copied anywhere on the way, and travel only when the other host has asked for them.
  void send(std::span<const std::byte> source, std::uint64_t tag, fabric_transfer& transfer) noexcept;

  /// UCX's words for how the connection ended; null as long as it has not.
  [[nodiscard]] const char* failure() const noexcept { return failure_; }

private:
  fabric& local_;
  ucp_ep* endpoint_ = nullptr;
  const char* failure_ = nullptr;
};

} // namespace ckpt::gpu
