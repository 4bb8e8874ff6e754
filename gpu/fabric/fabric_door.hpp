// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keeps strangers away from the TCP ports on which UCX listens.
//
// UCX's TCP transport trusts every peer that speaks its protocol: a wrong length ends in abort(), and one
// message carries an address in this process to write to. No error handling behind that can undo it, so UCX
// must not see a byte of a connection that is not a neighbour's. UCX calls listen(), accept() and connect();
// this program defines these functions itself (fabric_door.cpp), in front of the C library's:
//
//   connect()  waits for the connection, sends the key of the other host's door, then hands it to UCX
//   accept()   reads the key, then hands the connection to UCX; closes it when the key is wrong or missing
//
// After that the connection is UCX's: no byte is copied here, and other transports are not affected. A key is
// random, new for each fabric, and part of its address. The coordinator sends addresses only to the hosts of
// one update, in the message that carries the secret. The key is not encrypted on the data network: whoever
// can read there can use it.
//
// With TCP_DEFER_ACCEPT the kernel holds a connection back until it has sent something, and the key comes in
// one packet. So there is nothing to wait for and nothing to keep: a connection without a key is closed at
// once. One that stays silent never gets here, or only after a few seconds, and is closed too. A neighbour
// that is turned away by mistake, because the key's packet was lost, tries again: UCX does so 25 times.

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace ckpt::gpu {

/// Gets a log line about a stranger. Called on any thread, under the lock of all doors: has to return soon.
using stranger_report = std::function<void(const std::string&)>;

using door_key = std::array<char, 16>;

/// Guards all sockets on which one fabric listens, and knows the keys of other hosts' doors. Used by one
/// thread at a time, like the fabric.
class fabric_door {
public:
  /// connect() waits for `connect_max`. Throws std::system_error, or std::runtime_error if UCX would not call
  /// the functions of this program.
  fabric_door(stranger_report report, std::chrono::milliseconds connect_max);
  fabric_door(const fabric_door&) = delete;
  fabric_door& operator=(const fabric_door&) = delete;

  /// Destroy it after its sockets are closed.
  ~fabric_door() noexcept;

  /// While it lives, UCX calls of this thread belong to this door: sockets that listen are guarded by it, and
  /// connections send the key of the door that they reach.
  class use {
  public:
    explicit use(fabric_door& door) noexcept;
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() noexcept;

  private:
    fabric_door* const before_;
  };

  /// The key and the addresses where it is valid, for others' learn(). Throws std::length_error if too long.
  [[nodiscard]] std::string description() const;

  /// Removes the description of another host's door from the beginning of `address`, and keeps it. With
  /// `connect_time_max`, a place that cannot be connected to within this time is not tried again. Throws
  /// std::invalid_argument.
  void learn(std::string_view& address, std::optional<std::chrono::milliseconds> connect_time_max = {});

private:
  /// Another host's.
  struct other_door {
    door_key key{};
    std::optional<std::chrono::milliseconds> connect_time_max;
    bool is_given_up = false;
  };

  friend struct door_functions;
  void guard(int listener);
  [[nodiscard]] int accept_next(int listener, sockaddr* caller, unsigned* length) noexcept;
  void turn_away(int connection, const sockaddr& caller);

  const stranger_report report_;
  const std::chrono::milliseconds connect_max_;
  door_key key_;
  std::vector<std::string> places_;          ///< addresses where its sockets listen
  std::map<std::string, other_door> others_; ///< by address
  std::set<std::string> reported_;           ///< strangers; used by accept()
};

} // namespace ckpt::gpu
