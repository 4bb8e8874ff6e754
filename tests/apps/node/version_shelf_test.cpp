// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The versions that a resident node knows, and the memory that they may take.

#include "apps/node/service/version_shelf.hpp"

#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"
#include "io/read/resident_chunks.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t tensor_bytes = 20'000;

class version_shelf_test : public testing::Test {
protected:
  version_shelf_test() { write('a'); }

  /// The one file of the checkpoint, full of this letter.
  void write(char letter) {
    const auto size = std::to_string(tensor_bytes);
    directory_.write(
        "model.safetensors",
        tests::file_text('{' + tests::entry("t", "U8", '[' + size + ']', "[0," + size + ']') + '}', 0)
            + std::string(tensor_bytes, letter));
  }

  [[nodiscard]] std::shared_ptr<actors::weights_version> version() const {
    auto made = std::make_shared<actors::weights_version>();
    made->checkpoint = io::open_checkpoint(directory_.path());
    return made;
  }

  [[nodiscard]] actors::version_ptr version_in_memory() const {
    auto made = version();
    made->plan = io::plan_buckets(made->checkpoint, {16 << 10, 8 << 10});
    std::vector<std::uint32_t> all(made->plan.chunks.size());
    std::iota(all.begin(), all.end(), 0);
    const auto chunks = std::make_shared<const io::resident_chunks>(
        made->checkpoint, made->plan, all, io::resident_options{}, std::stop_token{});
    made->resident = {chunks.get(),
                      [this, chunks](const io::resident_chunks*) { unpins_(); }}; // Like pin_kept().
    return made;
  }

  std::function<void()> unpins_ = [] {};
  tests::temporary_directory directory_{std::filesystem::current_path()};
  version_shelf shelf_{64 << 10};
};

TEST_F(version_shelf_test, numbers_the_content_that_a_name_means) {
  EXPECT_EQ(shelf_.content_number("v1"), 0u) << "nobody knows it";
  shelf_.put("v1", version());
  const auto first = shelf_.content_number("v1");
  EXPECT_NE(first, 0u);
  shelf_.put("v1", version());
  EXPECT_EQ(shelf_.content_number("v1"), first) << "read anew, and the same";
  write('b');
  EXPECT_NE(shelf_.change_of("v1", directory_.path())(), "");
  shelf_.put("v1", version());
  const auto second = shelf_.content_number("v1");
  EXPECT_NE(second, first) << "other content";
  EXPECT_EQ(shelf_.drop("v1"), version_shelf::dropped::yes);
  EXPECT_EQ(shelf_.content_number("v1"), 0u);
  shelf_.put("v1", version());
  EXPECT_NE(shelf_.content_number("v1"), second) << "whatever it was before it was dropped";
}

TEST_F(version_shelf_test, takes_what_cannot_be_read_any_more_for_other_content) {
  shelf_.put("v1", version());
  directory_.write("model.safetensors", "no checkpoint");
  EXPECT_THAT(shelf_.change_of("v1", directory_.path())(), HasSubstr("model.safetensors"));
  EXPECT_EQ(shelf_.change_of("v2", directory_.path())(), "") << "nobody knows it";
  EXPECT_EQ(shelf_.change_of("v1", directory_.path() / std::string(10'000, 'a'))(), "")
      << "nothing can be there";
}

TEST_F(version_shelf_test, knows_the_content_of_what_is_served_however_many_names_there_are) {
  const auto one = version();
  shelf_.put("v1", one);
  shelf_.serve("v1", false);
  const auto number = shelf_.content_number("v1");
  for (int name = 0; name < 1'100; ++name)
    shelf_.put("other " + std::to_string(name), one);
  EXPECT_EQ(shelf_.content_number("other 0"), 0u) << "the number of names is bounded";
  EXPECT_EQ(shelf_.content_number("v1"), number);
}

TEST_F(version_shelf_test, does_not_take_other_content_of_that_name_for_what_is_served) {
  shelf_.put("v1", version());
  shelf_.serve("v1", false);
  shelf_.put("v1", version());
  EXPECT_EQ(shelf_.served(), "v1") << "read anew, and the same";
  write('b');
  shelf_.put("v1", version());
  EXPECT_EQ(shelf_.served(), "") << "nobody has been given this";
  shelf_.serve("v1", false);
  EXPECT_EQ(shelf_.served(), "v1");
  EXPECT_EQ(shelf_.previous(), "") << "what it was before is not here any more";
}

TEST_F(version_shelf_test, counts_memory_until_it_is_given_back) {
  shelf_.put("v1", version_in_memory());
  const auto bytes = shelf_.memory_bytes();
  std::uint64_t bytes_while_unpinned = 0;
  unpins_ = [&] { bytes_while_unpinned = shelf_.memory_bytes(); };
  EXPECT_EQ(shelf_.drop("v1"), version_shelf::dropped::yes);
  shelf_.release_dropped();
  EXPECT_EQ(bytes_while_unpinned, bytes);
  EXPECT_EQ(shelf_.memory_bytes(), 0u);
}

TEST_F(version_shelf_test, counts_what_has_left_it_while_somebody_has_it) {
  shelf_.put("v1", version_in_memory());
  const auto bytes = shelf_.memory_bytes();
  ASSERT_GE(bytes, tensor_bytes);
  const auto room = (64 << 10) - bytes;
  EXPECT_TRUE(shelf_.make_room(room)) << "beside it";
  auto held = shelf_.find("v1"); // As an offer to hosts that join does.
  EXPECT_EQ(shelf_.drop("v1"), version_shelf::dropped::yes);
  EXPECT_EQ(shelf_.memory_bytes(), bytes);
  EXPECT_FALSE(shelf_.make_room(room + 1));
  held.reset();
  EXPECT_TRUE(shelf_.make_room(64 << 10));
  EXPECT_EQ(shelf_.memory_bytes(), 0u);
  shelf_.put("v2", version_in_memory());
  held = shelf_.find("v2");
  shelf_.put("v2", version_in_memory()); // In place of the other one.
  EXPECT_EQ(shelf_.memory_bytes(), 2 * bytes);
  held.reset();
  EXPECT_EQ(shelf_.memory_bytes(), bytes);
}

} // namespace
} // namespace ckpt::apps
