// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What anybody may send to a worker's channel. That real REP sockets are understood is shown by
// worker_channel_test, which has libzmq at the other end.

#include "io/engine/zmtp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ckpt::io {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::string greeting() {
  std::string text(64, '\0');
  text.replace(0, 12, "\xff\0\0\0\0\0\0\0\1\x7f\3\1"sv);
  text.replace(12, 4, "NULL");
  return text;
}

std::string frame(unsigned flags, std::string_view body) {
  return std::string{static_cast<char>(flags), static_cast<char>(body.size())} + std::string{body};
}

std::string long_frame(unsigned flags, std::uint64_t length) {
  std::string text{static_cast<char>(flags | 2)};
  for (int shift = 56; shift >= 0; shift -= 8)
    text += static_cast<char>(length >> shift & 0xff);
  return text;
}

const std::string ready = frame(4, "\5READY\x0bSocket-Type\0\0\0\3REP"sv);
const std::string agreement = frame(1, "") + frame(0, "");

zmtp_session open_session() {
  zmtp_session session;
  session.receive(greeting() + ready);
  session.written(session.unwritten().size());
  return session;
}

std::string refusal(zmtp_session& session, std::string_view bytes) {
  try {
    session.receive(bytes);
  } catch (const zmtp_error& error) {
    return error.what();
  }
  return {};
}

std::string refusal(std::string_view bytes) {
  zmtp_session session;
  return refusal(session, bytes);
}

TEST(zmtp, is_open_once_a_rep_socket_has_greeted_byte_by_byte) {
  zmtp_session session;
  for (const auto byte : greeting() + ready) {
    EXPECT_FALSE(session.is_open());
    session.receive({&byte, 1});
  }
  EXPECT_TRUE(session.is_open());
  EXPECT_TRUE(session.replies().empty());
}

TEST(zmtp, greets_at_once_and_says_what_it_is_when_it_was_greeted) {
  zmtp_session session;
  EXPECT_EQ(session.unwritten(), greeting());
  session.written(64);
  session.receive(greeting());
  EXPECT_THAT(std::string{session.unwritten()}, HasSubstr("\5READY\x0bSocket-Type\0\0\0\6DEALER"s));
}

TEST(zmtp, takes_replies_in_one_frame_and_in_several) {
  auto session = open_session();
  session.receive(agreement + frame(1, "") + frame(1, "an ") + frame(1, "") + frame(0, "error"));
  EXPECT_THAT(session.replies(), ElementsAre("", "an error"));
}

TEST(zmtp, puts_messages_behind_an_empty_frame) {
  auto session = open_session();
  session.send("list");
  EXPECT_EQ(session.unwritten(), frame(1, "") + frame(0, "list"));
  session.written(3);
  EXPECT_EQ(session.unwritten(), (frame(1, "") + frame(0, "list")).substr(3));
  session.written(session.unwritten().size());
  const std::string large(70'000, 'x');
  session.send(large);
  EXPECT_EQ(session.unwritten(), frame(1, "") + long_frame(0, large.size()) + large);
}

TEST(zmtp, answers_a_sign_of_life) {
  auto session = open_session();
  session.receive(frame(4, "\4PING\0\1context"sv));
  EXPECT_EQ(session.unwritten(), frame(4, "\4PONGcontext"));
  session.receive(frame(4, "\4PONGcontext"));
  EXPECT_TRUE(session.replies().empty());
}

TEST(zmtp, answers_no_flood_of_signs_of_life) {
  auto session = open_session();
  for (int i = 0; i < 10'000; ++i)
    session.receive(frame(4, "\4PING\0\1context"sv));
  EXPECT_LT(session.unwritten().size(), 5000u);
  EXPECT_THAT(refusal(session, frame(4, "\4PING\0\1seventeen letters"sv)), HasSubstr("too much"));
}

TEST(zmtp, who_does_not_greet_is_known_from_the_first_byte_on) {
  EXPECT_EQ(refusal("G"), "no ZeroMQ greeting");
  EXPECT_EQ(refusal("\xff\0\0\0\0\0\0\0\1x"sv), "no ZeroMQ greeting");
  EXPECT_EQ(refusal("\xff"), "");
}

TEST(zmtp, other_versions_mechanisms_and_sockets_are_refused) {
  auto old = greeting();
  old[10] = 2;
  EXPECT_THAT(refusal(old), HasSubstr("before 3"));
  auto curve = greeting();
  curve.replace(12, 5, "CURVE");
  EXPECT_THAT(refusal(curve), HasSubstr("prove themselves"));
  EXPECT_THAT(refusal(greeting() + frame(4, "\5READY\x0bSocket-Type\0\0\0\4PULL"sv)), HasSubstr("\"PULL\""));
  EXPECT_THAT(refusal(greeting() + frame(4, "\5READY"sv)), HasSubstr("not REP"));
  EXPECT_THAT(refusal(greeting() + frame(4, "\5ERROR\4why?"sv)), HasSubstr("why?"));
  EXPECT_THAT(refusal(greeting() + agreement), HasSubstr("before READY"));
  EXPECT_THAT(refusal(greeting() + frame(4, "\4PING\0\0"sv)), HasSubstr("before READY"));
}

TEST(zmtp, what_is_no_frame_is_refused) {
  auto session = open_session();
  EXPECT_THAT(refusal(session, "\x08"), HasSubstr("unknown flags"));
  session = open_session();
  EXPECT_THAT(refusal(session, frame(0, "reply")), HasSubstr("envelope"));
  session = open_session();
  EXPECT_THAT(refusal(session, frame(1, "identity")), HasSubstr("envelope"));
  session = open_session();
  EXPECT_THAT(refusal(session, frame(4, "\11SUBSCRIBE")), HasSubstr("command"));
  for (const auto cut :
       {""sv, "\5"sv, "\5READ"sv, "\5READY\x0b"sv, "\5READY\1x\0\0"sv, "\5READY\1x\0\0\0\1"sv})
    EXPECT_THAT(refusal(greeting() + frame(4, cut)), HasSubstr("ends in the middle")) << cut;
}

TEST(zmtp, a_reply_is_bounded_over_all_its_frames) {
  EXPECT_THAT(refusal(greeting() + long_frame(4, 1 << 20)), HasSubstr("too long"));
  auto session = open_session();
  EXPECT_THAT(refusal(session, frame(1, "") + long_frame(0, ~0ULL)), HasSubstr("too long"));
  session = open_session();
  const std::string half(zmtp_session::reply_bytes_max / 2 + 1, 'x');
  const auto part = long_frame(1, half.size()) + half;
  EXPECT_EQ(refusal(session, frame(1, "") + part), "");
  EXPECT_THAT(refusal(session, part), HasSubstr("too long"));
  session = open_session();
  std::string many = frame(1, "");
  for (unsigned i = 0; i < zmtp_session::reply_frames_max; ++i)
    many += frame(1, "");
  EXPECT_THAT(refusal(session, many), HasSubstr("too many frames"));
}

} // namespace
} // namespace ckpt::io
