// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The kernel pins pages here as it does for a driver: for long, and for writing.

#include "gpu/cuda/writable_pages.hpp"

#include "tests/support/mapped_memory.hpp"
#include "tests/support/temporary_directory.hpp"

#include <chrono>
#include <optional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using tests::mapped_memory;
namespace fs = std::filesystem;

constexpr std::size_t file_bytes = 3 << 20;

/// Has pinned pages as long as it lives, or is empty-handed.
class pin {
public:
  explicit pin(std::span<std::byte> pages) {
    EXPECT_EQ(::io_uring_queue_init(1, &ring_, 0), 0);
    const iovec range{pages.data(), pages.size()};
    status_ = ::io_uring_register_buffers(&ring_, &range, 1);
  }
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
  ~pin() { ::io_uring_queue_exit(&ring_); }

  [[nodiscard]] bool holds() const { return status_ == 0; }

private:
  io_uring ring_{};
  int status_ = -1;
};

/// True when the first byte could be overwritten; it is with what it was.
bool is_writable(const mapped_memory& memory) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], memory.data(), 1), 1);
  const bool taken = ::read(ends[0], memory.data(), 1) == 1; // The kernel says EFAULT instead of a signal.
  ::close(ends[0]);
  ::close(ends[1]);
  return taken;
}

class writable_pages_test : public testing::Test {
protected:
  tests::temporary_directory memory_{"/dev/shm"};
  fs::path path_ = memory_.write("file", std::string(file_bytes, 'x'));
};

TEST_F(writable_pages_test, can_be_pinned_and_only_then_be_written) {
  const mapped_memory file{path_, O_RDWR};
  if (const pin before{file.bytes()}; before.holds())
    FAIL() << "this kernel pins what can only be read";
  std::optional<writable_pages> opened_up{std::in_place, file.bytes()};
  const pin meanwhile{file.bytes()};
  EXPECT_TRUE(meanwhile.holds());
  opened_up.reset();
  EXPECT_FALSE(is_writable(file));
  EXPECT_EQ(file.data()[file_bytes - 1], std::byte{'x'});
}

TEST_F(writable_pages_test, leave_the_files_modification_time_alone) {
  const mapped_memory file{path_, O_RDWR};
  const auto modified = fs::last_write_time(path_) - 1h; // What is modified now has another time.
  fs::last_write_time(path_, modified);
  for (std::size_t first = 0; first < file_bytes; first += 1 << 20) {
    const auto pages = file.bytes().subspan(first, 1 << 20);
    const writable_pages opened_up{pages};
    const pin meanwhile{pages};
    EXPECT_TRUE(meanwhile.holds());
  }
  EXPECT_EQ(fs::last_write_time(path_), modified);
}

TEST_F(writable_pages_test, cannot_be_had_of_a_file_that_is_open_for_reading) {
  const mapped_memory file{path_, O_RDONLY};
  EXPECT_THROW(writable_pages{file.bytes()}, std::system_error);
  EXPECT_EQ(file.data()[0], std::byte{'x'});
}

TEST_F(writable_pages_test, cannot_be_had_beyond_the_end_of_a_file) {
  const mapped_memory file{path_, O_RDWR};
  fs::resize_file(path_, file_bytes / 2);
  EXPECT_THROW(writable_pages{file.bytes()}, std::system_error);
  EXPECT_FALSE(is_writable(file));
}

} // namespace
} // namespace ckpt::gpu
