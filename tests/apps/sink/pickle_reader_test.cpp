// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/pickle_reader.hpp"

#include "apps/sink/utf8.hpp"
#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/python_pickles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace ckpt::apps::sink {
namespace {

using kind = pickle_value::kind;
using namespace std::string_literals;
using tests::from_hex;

/// What reading `message` complains about; empty when it does not.
std::string refusal(const std::string& message, const pickle_limits& limits = {}) {
  try {
    (void)read_pickle(message, limits);
    return {};
  } catch (const pickle_error& error) {
    return error.what();
  }
}

/// A protocol-4 pickle of these opcodes.
std::string pickled(const std::string& opcodes) { return "\x80\x04"s + opcodes + "."; }

TEST(pickle_reader, reads_back_every_integer_the_writer_writes) {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{255}, std::int64_t{256}, std::int64_t{65535}, std::int64_t{65536},
        std::int64_t{-1}, std::int64_t{-129}, std::int64_t{1} << 31, -(std::int64_t{1} << 31) - 1,
        std::int64_t{1} << 40, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    io::pickle_writer out;
    out.integer(number);
    const auto message = out.finish();
    const auto tree = read_pickle(message);
    EXPECT_EQ(tree.root().is, kind::integer);
    EXPECT_EQ(tree.root().number, number);
  }
}

TEST(pickle_reader, extends_the_sign_of_short_long_integers) {
  EXPECT_EQ(read_pickle(from_hex("80048a00"
                                 "2e"))
                .root()
                .number,
            0);
  EXPECT_EQ(read_pickle(from_hex("80048a01ff2e")).root().number, -1);
  EXPECT_EQ(read_pickle(from_hex("80048a02ff002e")).root().number, 255);
  EXPECT_EQ(read_pickle(from_hex("80048a060000000000012e")).root().number, std::int64_t{1} << 40);
  EXPECT_THAT(refusal(from_hex("80048a090000000000000000012e")), testing::HasSubstr("64 bits"));
}

TEST(pickle_reader, reads_texts_and_bytes_of_every_length_form) {
  for (const std::size_t length : {0, 1, 255, 256, 70000}) {
    io::pickle_writer out;
    out.begin_tuple();
    out.text(std::string(length, 'x'));
    out.bytes(std::string(length, '\xfe'));
    out.end_tuple();
    const auto message = out.finish();
    const auto tree = read_pickle(message);
    ASSERT_EQ(tree.root().items.size(), 2U);
    EXPECT_EQ(tree[tree.root().items[0]].text, std::string(length, 'x'));
    EXPECT_EQ(tree[tree.root().items[1]].text, std::string(length, '\xfe'));
    EXPECT_EQ(tree[tree.root().items[1]].is, kind::bytes);
  }
}

TEST(pickle_reader, keeps_calls_and_states_as_descriptions) {
  io::pickle_writer out;
  out.global("os", "system");
  out.begin_tuple();
  out.text("false");
  out.end_tuple();
  out.call();
  out.begin_dict();
  out.end_dict();
  out.set_state();
  const auto message = out.finish();
  const auto tree = read_pickle(message);
  ASSERT_EQ(tree.root().is, kind::call);
  ASSERT_EQ(tree.root().items.size(), 3U);
  EXPECT_EQ(tree[tree.root().items[0]].text, "os");
  EXPECT_EQ(tree[tree.root().items[0]].qualified, "system");
  EXPECT_EQ(tree[tree.root().items[2]].is, kind::dict);
}

TEST(pickle_reader, shares_what_the_memo_recalls) {
  const auto message = from_hex(tests::python_tensor_list);
  const auto tree = read_pickle(message);
  ASSERT_EQ(tree.root().is, kind::list);
  ASSERT_EQ(tree.root().items.size(), 2U);
  const auto& first = tree[tree.root().items[0]];
  const auto& second = tree[tree.root().items[1]];
  EXPECT_EQ(first.items[0], second.items[0]); // The key "name".
  EXPECT_EQ(tree[second.items[7]].number, std::int64_t{1} << 40);
}

TEST(pickle_reader, accepts_protocol_5_and_no_older_one) {
  EXPECT_EQ(read_pickle("\x80\x05N."s).root().is, kind::none);
  EXPECT_THAT(refusal("\x80\x03N."s), testing::HasSubstr("protocol 3"));
  EXPECT_THAT(refusal("\x80\x06N."s), testing::HasSubstr("protocol 6"));
  EXPECT_THAT(refusal("N."), testing::HasSubstr("protocol number"));
}

TEST(pickle_reader, refuses_every_prefix_of_a_message) {
  for (const auto digits : {tests::python_file_handle, tests::python_cuda_handle, tests::python_tensor_list,
                            tests::python_short_list, tests::python_error}) {
    const auto message = from_hex(digits);
    EXPECT_EQ(refusal(message), "");
    for (std::size_t length = 0; length < message.size(); ++length)
      EXPECT_NE(refusal(message.substr(0, length)), "") << length;
  }
}

TEST(pickle_reader, refuses_what_follows_the_end) {
  EXPECT_THAT(refusal("\x80\x04N.N."s), testing::HasSubstr("follows its end"));
}

TEST(pickle_reader, refuses_a_stack_that_does_not_fit) {
  EXPECT_THAT(refusal(pickled("")), testing::HasSubstr("exactly one value"));
  EXPECT_THAT(refusal(pickled("NN")), testing::HasSubstr("exactly one value"));
  EXPECT_THAT(refusal(pickled("(N")), testing::HasSubstr("exactly one value"));
  EXPECT_THAT(refusal(pickled("t")), testing::HasSubstr("mark is missing"));
  EXPECT_THAT(refusal(pickled("\x85")), testing::HasSubstr("value is missing"));
  EXPECT_THAT(refusal(pickled("N(\x85t")), testing::HasSubstr("value is missing")); // Not across a mark.
  EXPECT_THAT(refusal(pickled("](N(Na")), testing::HasSubstr("value is missing"));
}

TEST(pickle_reader, refuses_items_for_values_that_hold_none) {
  EXPECT_THAT(refusal(pickled("NNa")), testing::HasSubstr("cannot hold"));
  EXPECT_THAT(refusal(pickled("}Na")), testing::HasSubstr("cannot hold"));
  EXPECT_THAT(refusal(pickled("]NNs")), testing::HasSubstr("cannot hold"));
  EXPECT_THAT(refusal(pickled("}(NNNu")), testing::HasSubstr("cannot hold")); // A key without a value.
}

TEST(pickle_reader, refuses_calls_of_what_cannot_be_called) {
  EXPECT_THAT(refusal(pickled("N)R")), testing::HasSubstr("callable"));
  EXPECT_THAT(refusal(pickled("\x8c\x01"s + "a\x8c\x01"s + "b\x93NR")), testing::HasSubstr("callable"));
  EXPECT_THAT(refusal(pickled("NN\x93")), testing::HasSubstr("named by two texts"));
  EXPECT_THAT(refusal(pickled("NNb")), testing::HasSubstr("state"));
}

TEST(pickle_reader, refuses_a_state_set_twice) {
  const auto call = "\x8c\x01"s + "a\x8c\x01"s + "b\x93)R";
  EXPECT_EQ(refusal(pickled(call + "Nb")), "");
  EXPECT_THAT(refusal(pickled(call + "NbNb")), testing::HasSubstr("twice"));
}

TEST(pickle_reader, refuses_values_that_contain_themselves) {
  EXPECT_THAT(refusal(pickled("]\x94h"s + '\0' + "a")), testing::HasSubstr("contains itself"));
  // Through a tuple: the list may no longer change once it is part of the tuple.
  EXPECT_THAT(refusal(pickled("]\x94\x85\x94h"s + '\0' + "h\x01"s + "a")),
              testing::HasSubstr("changes after"));
}

TEST(pickle_reader, refuses_references_to_what_was_not_stored) {
  EXPECT_THAT(refusal(pickled("h"s + '\0')), testing::HasSubstr("has not stored"));
  EXPECT_THAT(refusal(pickled("N\x94j\x01\0\0\0"s)), testing::HasSubstr("has not stored"));
}

TEST(pickle_reader, refuses_text_that_is_not_utf_8) {
  EXPECT_THAT(refusal(pickled("\x8c\x01\xff")), testing::HasSubstr("UTF-8"));
  EXPECT_EQ(refusal(pickled("C\x01\xff")), ""); // Bytes may be anything.
}

TEST(pickle_reader, names_the_opcode_it_does_not_know) {
  EXPECT_THAT(refusal(pickled("cos\nsystem\n")), testing::HasSubstr("opcode 0x63"));
  EXPECT_THAT(refusal(pickled("I1\n")), testing::HasSubstr("opcode 0x49"));
}

TEST(pickle_reader, refuses_lengths_beyond_the_message) {
  EXPECT_THAT(refusal(pickled("\x8e\xff\xff\xff\xff\xff\xff\xff\xff")), testing::HasSubstr("ends too early"));
  EXPECT_THAT(refusal(pickled("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f")), testing::HasSubstr("ends too early"));
  EXPECT_THAT(refusal(pickled("\x95\xff\0\0\0\0\0\0\0N"s)), testing::HasSubstr("frame"));
}

TEST(pickle_reader, keeps_its_limits) {
  EXPECT_THAT(refusal(pickled(std::string(100, 'N')), {.values_max = 99}),
              testing::HasSubstr("more than 99"));
  EXPECT_THAT(refusal(pickled("N"), {.message_bytes_max = 3}), testing::HasSubstr("longer than 3"));
  const auto nested = [](std::size_t depth) { return pickled("N" + std::string(depth, '\x85')); };
  EXPECT_EQ(refusal(nested(5), {.depth_max = 5}), "");
  EXPECT_THAT(refusal(nested(6), {.depth_max = 5}), testing::HasSubstr("nested more than 5"));
  EXPECT_THAT(refusal(pickled(std::string(100, '(')), {.depth_max = 5}), testing::HasSubstr("open at once"));
  std::string many = "(N\x94"s;
  for (int index = 0; index < 100; ++index)
    many += "h"s + '\0';
  EXPECT_THAT(refusal(pickled(many + "t"), {.values_max = 50}), testing::HasSubstr("too many"));
}

TEST(pickle_reader, survives_random_changes_to_real_messages) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const auto original = from_hex(tests::python_file_handle);
  std::size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    auto message = original;
    for (int change = 0; change < 3; ++change)
      message[random() % message.size()] = static_cast<char>(random());
    refused += refusal(message, {.values_max = 10000}).empty() ? 0U : 1U;
  }
  EXPECT_GT(refused, 0U);
}

TEST(utf8, tells_well_formed_text_from_other_bytes) {
  for (const auto* good : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const auto* bad : {"\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3"})
    EXPECT_FALSE(is_utf8(bad));
}

} // namespace
} // namespace ckpt::apps::sink
