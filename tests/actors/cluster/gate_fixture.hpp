// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A gate on this machine, those who are let in, sound callers and strangers of all kinds.

#include "actors/cluster/caller.hpp"
#include "actors/cluster/gate.hpp"
#include "tests/support/temporary_directory.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {

/// For everything that does not depend on how fast the machine is.
inline constexpr auto gate_patience = std::chrono::seconds{20};

/// Certificates for all tests of a program: two authorities that know nothing of each other.
class two_authorities {
public:
  two_authorities();
  [[nodiscard]] const actors::tls_identity& ours() const { return ours_; }
  [[nodiscard]] const actors::tls_identity& theirs() const { return theirs_; }

private:
  temporary_directory scratch_;
  actors::tls_identity ours_, theirs_;
};

/// A port of 127.0.0.1 that somebody listens at who never accepts anybody: the test does.
class bare_port {
public:
  bare_port();
  [[nodiscard]] std::uint16_t number() const noexcept { return number_; }
  [[nodiscard]] io::fd accept() const;
  void close() noexcept { socket_.reset(); }

private:
  io::fd socket_;
  std::uint16_t number_ = 0;
};

/// A TCP socket that gives up reading after gate_patience.
[[nodiscard]] io::fd make_socket();

/// Connects it to 127.0.0.1; `from` is another address of this machine, such as 127.0.0.2. False when that does
/// not work.
[[nodiscard]] bool connect(const io::fd& socket, std::uint16_t port, const char* from = nullptr);

[[nodiscard]] bool write_all(const io::fd& socket, std::string_view bytes);

/// So many bytes, or fewer when the connection ends first.
[[nodiscard]] std::string read_bytes(const io::fd& socket, std::size_t count);

/// The other side has ended the connection, whatever it had said before.
[[nodiscard]] bool is_ended(const io::fd& socket);

class gate_test : public testing::Test {
protected:
  void open_gate(actors::gate_options options = {});

  /// One call, as from a host of the same update.
  [[nodiscard]] actors::call_result call_once(const std::optional<actors::tls_identity>& tls,
                                              std::uint16_t port);

  /// Calls as the dialer does, until it is let in. Null when it is not for as long as gate_patience.
  [[nodiscard]] std::shared_ptr<io::fd> come_in();

  /// Somebody comes in, and what it says arrives, and what it is told, too.
  void expect_sound_caller_gets_in();

  /// The next who is let in; none when nobody is for as long as gate_patience.
  [[nodiscard]] io::fd next_guest();
  [[nodiscard]] bool is_guest_waiting();

  /// A stranger that has said `words`.
  [[nodiscard]] io::fd stranger(std::string_view words = {}, const char* from = nullptr) const;

  [[nodiscard]] static const two_authorities& authorities();

  std::optional<actors::tls_identity> tls_; ///< of the gate and of sound callers

private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<io::fd> guests_;

protected:
  std::unique_ptr<actors::gate> gate_;
  std::vector<std::unique_ptr<actors::caller>> callers_; ///< whose connections stand
};

} // namespace ckpt::tests
