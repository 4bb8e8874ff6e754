// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/read/resident_chunks.hpp"

#include "io/error.hpp"
#include "tests/support/refused_threads.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace ckpt::io {
namespace {

using testing::HasSubstr;

/// A checkpoint of three files with a tensor of 20,000 bytes in each.
class resident_chunks_test : public testing::Test {
protected:
  resident_chunks_test() {
    for (const std::string name : {"a", "b", "c"}) {
      std::string data(20'000, ' ');
      std::iota(data.begin(), data.end(), name[0]);
      text_.push_back(tests::file_text('{' + tests::entry(name, "U8", "[20000]", "[0,20000]") + '}', 0)
                      + data);
      directory_.write(name + ".safetensors", text_.back());
    }
    source_ = open_checkpoint(directory_.path());
    plan_ = plan_buckets(source_, {16 << 10, 8 << 10});
    all_.resize(plan_.chunks.size());
    std::iota(all_.begin(), all_.end(), 0);
  }

  [[nodiscard]] std::string in_file(std::uint32_t chunk) const {
    const auto& planned = plan_.chunks[chunk];
    return text_[planned.file].substr(planned.window.offset, planned.needed_bytes);
  }

  tests::temporary_directory directory_{std::filesystem::current_path()};
  std::vector<std::string> text_; ///< by file
  checkpoint source_;
  bucket_plan plan_;
  std::vector<std::uint32_t> all_;
};

TEST_F(resident_chunks_test, hold_what_is_in_the_files) {
  const resident_chunks kept{source_, plan_, all_, {}, {}};
  ASSERT_GT(all_.size(), 6u);
  for (const auto chunk : all_) {
    const auto bytes = in_file(chunk);
    EXPECT_EQ(std::memcmp(kept.find(chunk), bytes.data(), bytes.size()), 0) << chunk;
  }
  EXPECT_EQ(kept.find_changed(), std::nullopt);
}

TEST_F(resident_chunks_test, hold_what_they_are_told_to_alone) {
  const std::uint32_t some[] = {2, 5};
  const resident_chunks kept{source_, plan_, some, {}, {}};
  EXPECT_EQ(kept.find(0), nullptr);
  const auto bytes = in_file(5);
  EXPECT_EQ(std::memcmp(kept.find(5), bytes.data(), bytes.size()), 0);
  EXPECT_EQ(kept.memory().size(), plan_.chunks[2].window.length + plan_.chunks[5].window.length);
}

TEST_F(resident_chunks_test, notice_memory_that_rots) {
  const resident_chunks kept{source_, plan_, all_, {}, {}};
  const auto at = kept.find(3) - kept.memory().data() + 77;
  kept.memory()[static_cast<std::size_t>(at)] ^= std::byte{1};
  EXPECT_EQ(kept.find_changed(), 3u);
}

TEST_F(resident_chunks_test, are_compared_even_where_no_thread_can_be_started) {
  const resident_chunks kept{source_, plan_, all_, {}, {}};
  kept.memory().front() ^= std::byte{1};
  tests::where_no_thread_can_be_started([&] { EXPECT_EQ(kept.find_changed(), 0u); });
}

TEST_F(resident_chunks_test, stay_mapped_where_something_may_still_write_to_them) {
  auto kept = std::make_unique<resident_chunks>(plan_, all_, std::vector<std::uint64_t>(all_.size()));
  const auto memory = kept->memory();
  kept->abandon();
  kept.reset();
  std::vector<unsigned char> pages((memory.size() + page_bytes - 1) / page_bytes);
  EXPECT_EQ(::mincore(memory.data(), memory.size(), pages.data()), 0) << std::strerror(errno);
  ::munmap(memory.data(), memory.size());
}

TEST_F(resident_chunks_test, move_a_chunk_where_something_may_still_write_to_its_place) {
  std::vector<std::uint64_t> digests;
  for (const auto chunk : all_) {
    const auto bytes = in_file(chunk);
    digests.push_back(chunk_digest(std::as_bytes(std::span{bytes})));
  }
  resident_chunks kept{plan_, all_, digests};
  auto* const former = kept.room(2);
  auto* const moved = kept.move_room(2);
  EXPECT_NE(moved, former);
  EXPECT_EQ(kept.room(2), moved);
  EXPECT_EQ(kept.find(2), moved);
  for (const auto chunk : all_) {
    const auto bytes = in_file(chunk);
    std::memcpy(kept.room(chunk), bytes.data(), bytes.size());
  }
  std::memset(former, 0xee, plan_.chunks[2].window.length);
  EXPECT_EQ(kept.find_changed(), std::nullopt);
  ::munmap(moved, plan_.chunks[2].window.length);
  ::munmap(kept.memory().data(), kept.memory().size());
}

TEST_F(resident_chunks_test, are_not_made_of_a_file_that_has_changed) {
  std::ofstream{directory_.path() / "b.safetensors", std::ios::binary | std::ios::in}.write("x", 1);
  try {
    const resident_chunks kept{source_, plan_, all_, {}, {}};
    FAIL() << "was made";
  } catch (const checkpoint_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("b.safetensors"));
  }
}

TEST_F(resident_chunks_test, are_given_up_when_nobody_wants_them) {
  std::stop_source stop;
  stop.request_stop();
  try {
    const resident_chunks kept{source_, plan_, all_, {}, stop.get_token()};
    FAIL() << "was made";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::operation_canceled);
  }
}

TEST_F(resident_chunks_test, come_slowly_where_that_is_wanted) {
  resident_options options;
  options.bytes_per_second_max = 200'000;
  const auto began = std::chrono::steady_clock::now();
  const resident_chunks kept{source_, plan_, all_, options, {}};
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds{200}) << "60,000 bytes, of which the last chunk may come at once";
  EXPECT_EQ(kept.find_changed(), std::nullopt);
}

} // namespace
} // namespace ckpt::io
