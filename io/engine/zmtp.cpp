// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/zmtp.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <utility>

namespace ckpt::io {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t greeting_bytes = 64;
constexpr std::size_t version_at = 10;
constexpr std::size_t mechanism_at = 12;
constexpr std::size_t mechanism_bytes = 20;
constexpr char signature_begin = '\xff';
constexpr char signature_end = '\x7f'; ///< at 9
constexpr std::string_view mechanism = "NULL";

constexpr unsigned flag_more = 1;
constexpr unsigned flag_long = 2;
constexpr unsigned flag_command = 4;

/// READY has some dozen bytes of properties, PING up to 16 of context.
constexpr std::uint64_t command_bytes_max = 4096;

constexpr std::size_t ping_context_bytes_max = 16;
constexpr std::size_t unwritten_pongs_max = 4096;

[[nodiscard]] std::string greeting() {
  std::string text(greeting_bytes, '\0');
  text.front() = signature_begin;
  text[8] = '\1';
  text[9] = signature_end;
  text[version_at] = '\3';
  text[version_at + 1] = '\1';
  mechanism.copy(text.data() + mechanism_at, mechanism.size());
  return text;
}

[[nodiscard]] std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const auto byte : bytes)
    value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// The next `length` bytes of `text`, which loses them.
[[nodiscard]] std::string_view take(std::string_view& text, std::uint64_t length) {
  if (length > text.size())
    throw zmtp_error{"a command that ends in the middle"};
  const auto taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

/// Text that follows its length, which is one byte.
[[nodiscard]] std::string_view take_name(std::string_view& text) {
  return take(text, big_endian(take(text, 1)));
}

[[nodiscard]] bool is_same_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return (x | 0x20) == (y | 0x20); });
}

} // namespace

zmtp_session::zmtp_session() : unwritten_{greeting()} {}

void zmtp_session::receive(std::string_view bytes) {
  unread_ += bytes;
  while (phase_ == phase::greeting ? take_greeting() : take_frame()) {
  }
}

bool zmtp_session::take_greeting() {
  const auto differs = [&](std::size_t at, char expected) {
    return unread_.size() > at && unread_[at] != expected;
  };
  if (differs(0, signature_begin) || differs(9, signature_end))
    throw zmtp_error{"no ZeroMQ greeting"};
  if (unread_.size() < greeting_bytes)
    return false;
  if (unread_[version_at] < 3)
    throw zmtp_error{"a version of ZeroMQ's protocol before 3"};
  auto wanted = std::string{mechanism};
  wanted.resize(mechanism_bytes, '\0');
  if (unread_.compare(mechanism_at, mechanism_bytes, wanted) != 0)
    throw zmtp_error{"a ZeroMQ socket that wants its peers to prove themselves"};
  unread_.erase(0, greeting_bytes);
  write_command("READY", "\x0bSocket-Type\0\0\0\6DEALER\x08Identity\0\0\0\0"sv);
  phase_ = phase::ready;
  return true;
}

bool zmtp_session::take_frame() {
  if (unread_.empty())
    return false;
  const auto flags = static_cast<unsigned char>(unread_.front());
  if ((flags & ~(flag_more | flag_long | flag_command)) != 0)
    throw zmtp_error{"a frame with unknown flags"};
  const std::size_t length_bytes = (flags & flag_long) != 0 ? 8 : 1;
  const auto body_at = 1 + length_bytes;
  if (unread_.size() < body_at)
    return false;
  const auto length = big_endian(std::string_view{unread_}.substr(1, length_bytes));
  const bool is_command = (flags & flag_command) != 0;
  if (length > (is_command ? command_bytes_max : reply_bytes_max - reply_.size()))
    throw zmtp_error{"a message that is too long"};
  if (unread_.size() < body_at + length)
    return false;
  const auto body = std::string_view{unread_}.substr(body_at, length);
  if (is_command)
    on_command(body);
  else
    on_message_frame((flags & flag_more) != 0, body);
  unread_.erase(0, body_at + length);
  return true;
}

void zmtp_session::on_command(std::string_view body) {
  const auto name = take_name(body);
  if (name == "ERROR")
    throw zmtp_error{"an error: " + printable(take_name(body))};
  if (phase_ == phase::ready) {
    if (name != "READY")
      throw zmtp_error{"another command before READY"};
    on_ready(body);
  } else if (name == "PING") {
    static_cast<void>(take(body, 2)); // How long its sender waits for the answer.
    if (body.size() > ping_context_bytes_max)
      throw zmtp_error{"a PING with too much in it"};
    if (unwritten_.size() < unwritten_pongs_max) // A peer that does not read needs no answer.
      write_command("PONG", body);
  } else if (name != "PONG") {
    throw zmtp_error{"a command that a REP socket does not give"};
  }
}

void zmtp_session::on_ready(std::string_view properties) {
  std::string_view type;
  while (!properties.empty()) {
    const auto name = take_name(properties);
    const auto value = take(properties, big_endian(take(properties, 4)));
    if (is_same_in_any_case(name, "Socket-Type"))
      type = value;
  }
  if (type != "REP")
    throw zmtp_error{"a ZeroMQ socket of the kind \"" + printable(type) + "\", not REP"};
  phase_ = phase::open;
}

void zmtp_session::on_message_frame(bool more, std::string_view body) {
  if (phase_ != phase::open)
    throw zmtp_error{"a message before READY"};
  const bool is_delimiter = reply_frames_ == 0;
  if (is_delimiter && (!body.empty() || !more))
    throw zmtp_error{"a reply without its envelope"};
  if (++reply_frames_ > reply_frames_max)
    throw zmtp_error{"a reply in too many frames"};
  reply_ += body;
  if (more)
    return;
  replies_.push_back(std::exchange(reply_, {}));
  reply_frames_ = 0;
}

void zmtp_session::send(std::string_view message) {
  write_frame(flag_more, {});
  write_frame(0, message);
}

void zmtp_session::write_frame(unsigned flags, std::string_view body) {
  const bool is_long = body.size() > 0xff;
  unwritten_ += static_cast<char>(is_long ? flags | flag_long : flags);
  for (int shift = is_long ? 56 : 0; shift >= 0; shift -= 8)
    unwritten_ += static_cast<char>(body.size() >> shift & 0xff);
  unwritten_ += body;
}

void zmtp_session::write_command(std::string_view name, std::string_view data) {
  std::string body(1, static_cast<char>(name.size()));
  body += name;
  body += data;
  write_frame(flag_command, body);
}

} // namespace ckpt::io
