// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What CAF would allocate memory for, byte by byte.

#include "actors/cluster/message_lengths.hpp"

#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <caf/binary_serializer.hpp>
#include <caf/fwd.hpp>
#include <caf/io/basp/header.hpp>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

constexpr std::uint64_t limit = 1'000;

/// As CAF writes it.
[[nodiscard]] std::string header(std::uint32_t payload_bytes) {
  std::vector<char> bytes;
  caf::binary_serializer sink{static_cast<caf::execution_unit*>(nullptr), bytes};
  caf::io::basp::header made{caf::io::basp::message_type::direct_message, 0, payload_bytes, 1, 2, 3};
  EXPECT_FALSE(sink(made));
  return {bytes.begin(), bytes.end()};
}

TEST(message_lengths, are_those_of_caf) {
  EXPECT_EQ(caf::io::basp::header_size, message_lengths::header_bytes);
  EXPECT_TRUE(message_lengths{limit}.follow(header(limit)));
  EXPECT_FALSE(message_lengths{limit}.follow(header(limit + 1)));
  EXPECT_FALSE(message_lengths{limit}.follow(header(0xffffffff)));
}

TEST(message_lengths, are_followed_wherever_the_stream_is_cut) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  std::mt19937 random{seed};
  std::string sound;
  for (const std::uint32_t payload : {0u, 1u, 31u, 32u, 33u, 1'000u, 0u, 0u, 999u})
    sound += header(payload) + std::string(payload, '\xff');
  const auto too_long = header(limit + 1);
  for (int round = 0; round < 1'000; ++round) {
    message_lengths lengths{limit};
    bool is_sound = true;
    for (std::string_view rest = sound; !rest.empty();) {
      const auto piece = std::uniform_int_distribution<std::size_t>{1, rest.size()}(random);
      is_sound = is_sound && lengths.follow(rest.substr(0, piece));
      rest.remove_prefix(piece);
    }
    ASSERT_TRUE(is_sound);
    const auto cut = std::uniform_int_distribution<std::size_t>{0, too_long.size() - 1}(random);
    ASSERT_TRUE(lengths.follow(std::string_view{too_long}.substr(0, cut)));
    ASSERT_FALSE(lengths.follow(std::string_view{too_long}.substr(cut)));
  }
}

} // namespace
} // namespace ckpt::actors
