// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/guarded_copy.hpp"

#include <csignal>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

/// A mapped memory file of two pages, of which the second can be taken away.
class mapped_pages {
public:
  mapped_pages() : file_{::memfd_create("guarded_copy_test", MFD_CLOEXEC)} {
    EXPECT_EQ(::ftruncate(file_, static_cast<off_t>(2 * page)), 0);
    base_ = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    EXPECT_NE(base_, MAP_FAILED);
  }
  mapped_pages(const mapped_pages&) = delete;
  mapped_pages& operator=(const mapped_pages&) = delete;
  ~mapped_pages() {
    ::munmap(base_, 2 * page);
    ::close(file_);
  }
  void take_second_away() const { EXPECT_EQ(::ftruncate(file_, static_cast<off_t>(page)), 0); }
  [[nodiscard]] std::byte* base() const { return static_cast<std::byte*>(base_); }

  static constexpr std::size_t page = 4096;

private:
  int file_;
  void* base_ = nullptr;
};

TEST(guarded_copy, copies) {
  install_fault_guard();
  const mapped_pages pages;
  pages.base()[5000] = std::byte{42};
  std::vector<std::byte> target(2 * mapped_pages::page);
  EXPECT_TRUE(guarded_copy(target.data(), pages.base(), target.size()));
  EXPECT_EQ(target[5000], std::byte{42});
}

TEST(guarded_copy, survives_a_source_that_is_truncated_again_and_again) {
  install_fault_guard();
  const mapped_pages pages;
  pages.take_second_away();
  std::vector<std::byte> target(2 * mapped_pages::page);
  for (int turn = 0; turn < 3; ++turn)
    EXPECT_FALSE(guarded_copy(target.data(), pages.base(), target.size()));
  EXPECT_TRUE(guarded_copy(target.data(), pages.base(), mapped_pages::page))
      << "the first page is still there";
}

TEST(guarded_copy_death, a_bus_error_elsewhere_still_ends_the_process) {
  EXPECT_EXIT(
      {
        install_fault_guard();
        const mapped_pages pages;
        pages.take_second_away();
        static_cast<volatile std::byte*>(pages.base())[mapped_pages::page] = std::byte{1};
      },
      testing::KilledBySignal(SIGBUS), "");
}

} // namespace
} // namespace ckpt::gpu
