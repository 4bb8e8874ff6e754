// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Host 0's port. Whoever connects is a stranger until it has shown a certificate, where there are
// certificates, and has greeted; only then is a connection of it handed to CAF. Strangers get a bounded share
// of everything, so that any number of them, silent or busy, neither ends this host nor keeps others out:
//
//   connects ──> stranger ──(TLS, greeting)──> let in ──> CAF
//                   │ at most `strangers_max`, each for at most `stranger_time_max`
//                   └ when all places are taken, a newcomer gets the place of whoever has had it longest, of
//                     the address that has the most: at once if its own address has fewer, otherwise only
//                     after `stranger_time_min`. Else the newcomer is turned away, and may try again.
//
// One thread of its own; never blocks on a connection. Bounds: `strangers_max` descriptors for strangers,
// three for each of at most `guests_max` who are let in. Without descriptors it waits a little and goes on.

#include "actors/cluster/tls_identity.hpp"
#include "io/fd.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::actors {

struct gate_options {
  std::string address;    ///< a name or a number of this host; empty for all that it has
  std::uint16_t port = 0; ///< 0 for any
  std::optional<tls_identity> tls;
  std::size_t strangers_max = 16;
  std::size_t guests_max = 16;
  std::chrono::milliseconds stranger_time_min{300};
  std::chrono::milliseconds stranger_time_max{5'000};
};

/// Room for all hosts of an update to come at once, beside as many strangers as ever, and for some to come
/// again before their old connections are known to have ended.
[[nodiscard]] gate_options gate_for_hosts(std::size_t hosts);

class gate {
public:
  /// Gets the local end of a connection of somebody who is let in. On the gate's thread.
  using let_in = std::function<void(io::fd)>;

  /// Throws std::system_error that says why it cannot listen, or which certificate it cannot use.
  gate(const gate_options& options, let_in guest);
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  /// Closes, and waits for the connections of all who were let in to end.
  ~gate();

  [[nodiscard]] std::uint16_t port() const;

  /// Strangers go, and nobody is let in any more once this returns. Those who were let in have a second to
  /// get what CAF had to say to them; whoever does not take it is cut off then. Not from the gate's thread.
  void close();

private:
  class doorkeeper;
  std::unique_ptr<doorkeeper> keeper_;
};

} // namespace ckpt::actors
