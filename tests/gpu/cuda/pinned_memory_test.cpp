// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which memory is registered, in which parts: CUDA refuses what is registered twice.

#include "gpu/cuda/pinned_memory.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "tests/support/mapped_memory.hpp"
#include "tests/support/refused_threads.hpp"
#include "tests/support/temporary_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

using tests::mapped_memory;

constexpr std::size_t page = 4096;

class pages {
public:
  explicit pages(std::size_t count) : memory_{count * page} {}

  [[nodiscard]] std::span<std::byte> from(std::size_t first, std::size_t count) const {
    return memory_.bytes().subspan(first * page, count * page);
  }
  [[nodiscard]] std::byte* at(std::size_t offset) const { return memory_.data() + offset; }

private:
  mapped_memory memory_;
};

TEST(pinned_memory_test, takes_what_it_does_not_know_yet_and_only_that) {
  const pages memory{16};
  pinned_memory pinned{0};
  pinned.add(memory.from(2, 4));
  pinned.add(memory.from(8, 2));
  pinned.add(memory.from(0, 16)); // CUDA would refuse a page for the second time.
  pinned.add(memory.from(0, 16));
  EXPECT_EQ(pinned.copyable(memory.at(0), 16 * page), 2 * page);
  EXPECT_EQ(pinned.copyable(memory.at(2 * page), 16 * page), 4 * page);
  EXPECT_EQ(pinned.copyable(memory.at(6 * page), 16 * page), 2 * page);
  EXPECT_EQ(pinned.copyable(memory.at(15 * page), page), page);
}

TEST(pinned_memory_test, takes_the_whole_pages_of_what_begins_and_ends_within_them) {
  const pages memory{4};
  pinned_memory pinned{0};
  pinned.add(std::span{memory.at(page + 100), 10});
  EXPECT_EQ(pinned.copyable(memory.at(page), 4 * page), page);
  pinned.add(std::span{memory.at(page + 200), page}); // Begins in a page that is known.
  EXPECT_EQ(pinned.copyable(memory.at(2 * page), 2 * page), page);
}

TEST(pinned_memory_test, says_how_far_a_copy_may_reach) {
  const pages memory{8};
  pinned_memory pinned{0};
  pinned.add(memory.from(2, 2));
  pinned.add(memory.from(4, 2));
  EXPECT_EQ(pinned.copyable(memory.at(0), page), page) << "memory that it does not know";
  EXPECT_EQ(pinned.copyable(memory.at(page), 3 * page), page) << "up to the first part";
  EXPECT_EQ(pinned.copyable(memory.at(3 * page + 1), 3 * page), page - 1) << "up to the end of a part";
  EXPECT_EQ(pinned.copyable(memory.at(4 * page), page / 2), page / 2) << "all of it";
  EXPECT_EQ(pinned.copyable(memory.at(6 * page), 2 * page), 2 * page) << "behind the last part";
}

TEST(pinned_memory_test, has_nothing_of_what_it_could_not_have) {
  const tests::temporary_directory memory{"/dev/shm"};
  const mapped_memory file{memory.write("file", std::string(4 * page, 'x')), O_RDONLY};
  pinned_memory pinned{0};
  EXPECT_THROW(pinned.add(file.bytes()), cuda_error) << "it may only be read";
  EXPECT_EQ(pinned.copyable(file.data() + page, 2 * page), 2 * page);
}

TEST(pinned_memory_test, needs_no_second_thread) {
  constexpr std::size_t bytes = 64 << 20; // Several threads' work, where there are several.
  const mapped_memory memory{bytes};
  {
    pinned_memory first{0}; // CUDA may start threads of its own when it is first used.
    first.add(memory.bytes());
  }
  tests::where_no_thread_can_be_started([&] {
    pinned_memory pinned{0};
    pinned.add(memory.bytes());
    std::size_t known = 0;
    while (known < bytes)
      known += pinned.copyable(memory.data() + known, bytes - known);
    pinned.remove(memory.bytes().first(bytes / 2));
    pinned.add(memory.bytes()); // CUDA would refuse what was not released.
  });
}

TEST(pinned_memory_test, releases_everything_at_its_end) {
  const pages memory{4};
  for (int turn = 0; turn < 2; ++turn) {
    pinned_memory pinned{0};
    pinned.add(memory.from(0, 4));
  }
}

} // namespace
} // namespace ckpt::gpu
