// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A port for other hosts: host 0's, or that of a host that offers weights. A connection is a stranger until
// it has shown a certificate, where there are certificates, and has greeted; only then is it handed to CAF.
// However many strangers there are, silent or busy, they neither end this host nor keep others out:
//
//   connects ──> stranger ──(TLS, greeting)──> let in ──> CAF
//                   │ at most `strangers_max`, each for at most `stranger_time_max`
//                   └ when all places are taken, a newcomer takes the oldest place of the address that has
//                     the most: at once if its own address would still have fewer, otherwise only if that
//                     place is older than `stranger_time_min`. Else it is turned away, and may try again.
//
// One thread of its own; never blocks on a connection. Bounds: `strangers_max` descriptors for strangers,
// three for each of at most `guests_max` that are let in. Without descriptors it waits before it accepts
// again.

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
  std::string address;    ///< a name or an IP address of this host; empty for all
  std::uint16_t port = 0; ///< 0 for any
  std::optional<tls_identity> tls;
  std::size_t strangers_max = 16;
  std::size_t guests_max = 16;
  std::chrono::milliseconds stranger_time_min{300};
  std::chrono::milliseconds stranger_time_max{5'000};
};

/// Room for all hosts of an update to connect at once, beside as many strangers as ever, and for some to
/// reconnect before their old connections are known to have ended.
[[nodiscard]] gate_options gate_for_hosts(std::size_t hosts);

class gate {
public:
  /// Receives the local end of a connection that is let in. On the gate's thread.
  using let_in = std::function<void(io::fd)>;

  /// Throws std::system_error (it cannot listen, or not use a certificate) or std::runtime_error (unknown
  /// address).
  gate(const gate_options& options, let_in guest);
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  /// Closes, and waits until the connections of all that were let in have ended.
  ~gate();

  [[nodiscard]] std::uint16_t port() const;

  /// Once this returns, strangers are gone and nobody is let in any more. Those that were let in have a
  /// second to receive what CAF has written to them; then they are cut off. Not from the gate's thread.
  void close();

private:
  class doorkeeper;
  std::unique_ptr<doorkeeper> keeper_;
};

} // namespace ckpt::actors
