// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The ZeroMQ Message Transfer Protocol 3.1 (https://rfc.zeromq.org/spec/37), as far as the peer of a REP
// socket needs it. This side is a DEALER; nothing is encrypted. It is written here because any local process
// may connect: unlike libzmq, this bounds the length of a whole message, and tells a peer that does not speak
// the protocol apart from one that does.
//
//   greeting  <──>  greeting      64 bytes each
//   READY     <──>  READY         commands that name the kind of socket
//   "", text   ──>                a message: an empty frame, then its text
//              <──  "", text      the reply, of which the text may come in several frames
//
// Pure; one thread uses an object.

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ckpt::io {

/// The peer sent what no REP socket sends, or more than it may.
class zmtp_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

class zmtp_session {
public:
  /// A reply may have this many bytes, all its frames together.
  static constexpr std::uint64_t reply_bytes_max = 1 << 20;
  static constexpr unsigned reply_frames_max = 64;

  zmtp_session();

  /// Takes bytes as they come. Throws zmtp_error.
  void receive(std::string_view bytes);

  /// True once the other side has said that it is a REP socket.
  [[nodiscard]] bool is_open() const noexcept { return phase_ == phase::open; }

  /// Replies that have come, oldest first, for the caller to take out.
  [[nodiscard]] std::deque<std::string>& replies() noexcept { return replies_; }

  /// Adds a message to unwritten().
  void send(std::string_view message);

  /// The bytes to write next; after writing, the caller reports how many with written().
  [[nodiscard]] std::string_view unwritten() const noexcept { return unwritten_; }
  void written(std::size_t bytes) { unwritten_.erase(0, bytes); }

private:
  enum class phase : std::uint8_t { greeting, ready, open };

  [[nodiscard]] bool take_greeting();
  [[nodiscard]] bool take_frame();
  void on_command(std::string_view body);
  void on_ready(std::string_view properties);
  void on_message_frame(bool more, std::string_view body);
  void write_frame(unsigned flags, std::string_view body);
  void write_command(std::string_view name, std::string_view data);

  phase phase_ = phase::greeting;
  std::string unread_;
  std::string unwritten_;
  unsigned reply_frames_ = 0; ///< of the reply that is not complete
  std::string reply_;
  std::deque<std::string> replies_;
};

} // namespace ckpt::io
