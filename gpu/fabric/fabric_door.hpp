// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keeps strangers away from the TCP ports on which UCX listens.
//
// UCX's TCP transport believes whoever knows its protocol: a wrong length ends in abort(), and one message
// carries an address in this process to write to. No error handling behind that can undo it, so UCX must not
// see a byte of a connection that is not a neighbour's. It calls listen(), accept() and connect() of the C
// library; this program has these functions itself (fabric_door.cpp), in front of the C library's:
//
//   connect()  sends the key of the door that it calls at, then hands the connection to UCX
//   accept()   reads the key, then hands the connection to UCX; closes it when the key is wrong or missing
//
// What comes after is UCX's as before: nothing is copied, and other transports know nothing of doors. A key
// is random, new for each fabric, and part of its address, which the coordinator tells to the hosts of one
// update alone, in the message that tells the secret. It passes the network as it is: whoever can read that
// is not kept out.
//
// The kernel holds a connection back until it has sent something (TCP_DEFER_ACCEPT), and the key comes in one
// packet. So there is nothing to wait for, and nothing to keep: a connection without a key is closed at once,
// and one that stays silent never gets here, or after a few seconds, to be closed too. A neighbour that is
// turned away by mistake, because the kernel lost the key's packet, tries again: UCX does so 25 times.

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace ckpt::gpu {

/// Gets a line for the log about a stranger. Any thread, and not for long: others wait at the door.
using stranger_report = std::function<void(const std::string&)>;

using door_key = std::array<char, 16>;

/// In front of all sockets on which one fabric listens, and what it knows of the doors of others. Used like
/// the fabric, by one thread at a time.
class fabric_door {
public:
  /// Throws std::system_error, or std::runtime_error if UCX would pass by the functions of this program.
  explicit fabric_door(stranger_report report);
  fabric_door(const fabric_door&) = delete;
  fabric_door& operator=(const fabric_door&) = delete;

  /// After its sockets are closed.
  ~fabric_door() noexcept;

  /// As long as it lives this thread calls UCX for the fabric: what it lets listen belongs to the door, and
  /// where it connects it shows the key that fits there.
  class use {
  public:
    explicit use(fabric_door& door) noexcept;
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() noexcept;

  private:
    fabric_door* const before_;
  };

  /// The key and where it fits, for the learn() of others. Throws std::length_error if it is too long.
  [[nodiscard]] std::string description() const;

  /// Takes the description of another host's door from the beginning of `address`. Throws
  /// std::invalid_argument.
  void learn(std::string_view& address);

private:
  friend struct door_functions;
  void guard(int listener);
  [[nodiscard]] int accept_next(int listener, sockaddr* caller, unsigned* length) noexcept;
  void turn_away(int connection, const sockaddr& caller);

  const stranger_report report_;
  door_key key_;
  std::vector<std::string> places_;      ///< where its sockets listen
  std::map<std::string, door_key> keys_; ///< of others, by place
  std::set<std::string> reported_;       ///< strangers; belongs to accept()
};

} // namespace ckpt::gpu
