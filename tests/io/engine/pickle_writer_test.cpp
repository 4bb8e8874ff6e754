// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The bytes of each opcode; that real Python reads the whole messages as meant is checked in tests/interop.

#include "io/engine/pickle_writer.hpp"

#include <array>
#include <limits>

#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

using namespace std::string_literals;

template <class Function>
std::string body(Function write) {
  pickle_writer out;
  write(out);
  const auto pickle = out.finish();
  EXPECT_EQ(pickle.substr(0, 2), "\x80\x04"s);
  EXPECT_EQ(pickle.back(), '.');
  return pickle.substr(2, pickle.size() - 3);
}

std::string integer(std::int64_t value) {
  return body([&](pickle_writer& out) { out.integer(value); });
}

TEST(pickle_writer, writes_integers_in_their_shortest_form) {
  EXPECT_EQ(integer(0), "K\0"s);
  EXPECT_EQ(integer(255), "K\xff"s);
  EXPECT_EQ(integer(256), "M\0\x01"s);
  EXPECT_EQ(integer(65'535), "M\xff\xff"s);
  EXPECT_EQ(integer(65'536), "J\0\0\x01\0"s);
  EXPECT_EQ(integer(-1), "J\xff\xff\xff\xff"s);
  EXPECT_EQ(integer(std::numeric_limits<std::int32_t>::max()), "J\xff\xff\xff\x7f"s);
  EXPECT_EQ(integer(1ll << 31), "\x8a\x08\0\0\0\x80\0\0\0\0"s);
  EXPECT_EQ(integer(-(1ll << 40)), "\x8a\x08\0\0\0\0\0\xff\xff\xff"s);
}

TEST(pickle_writer, counts_text_in_one_byte_up_to_255_and_in_four_beyond) {
  EXPECT_EQ(body([](pickle_writer& out) { out.text("ab"); }), "\x8c\x02"s + "ab");
  const std::string longest(255, 'x');
  EXPECT_EQ(body([&](pickle_writer& out) { out.text(longest); }), "\x8c\xff"s + longest);
  const std::string longer(256, 'x');
  EXPECT_EQ(body([&](pickle_writer& out) { out.text(longer); }), "X\0\x01\0\0"s + longer);
}

TEST(pickle_writer, counts_bytes_likewise) {
  EXPECT_EQ(body([](pickle_writer& out) { out.bytes("a\0b"s); }), "C\x03"s + "a\0b"s);
  const std::string longer(70'000, '\0');
  EXPECT_EQ(body([&](pickle_writer& out) { out.bytes(longer); }), "B\x70\x11\x01\0"s + longer);
}

TEST(pickle_writer, writes_the_end_mark) { EXPECT_EQ(pickle_none(), "\x80\x04N."s); }

TEST(pickle_writer, writes_an_abort_as_a_runtime_error) {
  EXPECT_EQ(pickle_abort("x"), "\x80\x04\x8c\x08"s + "builtins\x8c\x0cRuntimeError\x93(\x8c\x01xtR.");
}

TEST(pickle_writer, writes_an_empty_list) { EXPECT_EQ(pickle_tensor_list({}), "\x80\x04](e."s); }

TEST(pickle_writer, lists_name_dtype_shape_and_offset_of_a_tensor) {
  const std::array<std::uint64_t, 2> shape{2, 3};
  const std::array<listed_tensor, 1> list{{{"w", "bfloat16", shape, 4096}}};
  EXPECT_EQ(pickle_tensor_list(list), "\x80\x04](}("s + "\x8c\x04name\x8c\x01w" + "\x8c\x05"
                                          + "dtype\x8c\x05torch\x8c\x08" + "bfloat16\x93"
                                          + "\x8c\x05shape\x8c\x05torch\x8c\x04Size\x93((K\x02K\x03ttR"
                                          + "\x8c\x06offset" + "M\0\x10"s + "ue.");
}

} // namespace
} // namespace ckpt::io
