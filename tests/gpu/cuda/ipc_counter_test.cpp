// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The consumer's side is played as torch plays it: by name, when it lets go.

#include "gpu/cuda/ipc_counter.hpp"

#include <csignal>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

/// Of a device that nothing else on this machine has.
const auto uuid = "GPU-test-" + std::to_string(::getpid());

/// torch 2.x, CudaIPCSentData and RefcountedMapAllocator: the file, its users, its slots.
class consumer {
public:
  explicit consumer(const std::string& name) : name_{name}, file_{::shm_open(name.c_str(), O_RDWR, 0)} {
    struct stat about {};
    if (file_ < 0 || ::fstat(file_, &about) != 0)
      return;
    bytes_ = static_cast<std::size_t>(about.st_size);
    memory_ = static_cast<std::byte*>(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0));
    ++users();
  }
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer() {
    if (!is_open())
      return;
    if (--users() == 0)
      ::shm_unlink(name_.c_str());
    ::munmap(memory_, bytes_);
    ::close(file_);
  }

  [[nodiscard]] bool is_open() const { return memory_ != nullptr; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::int32_t& users() { return *reinterpret_cast<std::int32_t*>(memory_); }
  [[nodiscard]] std::int64_t& slot(std::uint64_t index) {
    return *reinterpret_cast<std::int64_t*>(memory_ + 64 + 8 * index);
  }

private:
  std::string name_;
  int file_ = -1;
  std::size_t bytes_ = 0;
  std::byte* memory_ = nullptr;
};

TEST(ipc_counter, is_released_when_its_consumer_lets_go_and_keeps_its_file) {
  const ipc_counter counter{uuid};
  EXPECT_FALSE(counter.is_released());
  {
    consumer worker{counter.name()};
    ASSERT_TRUE(worker.is_open()) << counter.name();
    EXPECT_EQ(worker.bytes(), 80'064u);
    EXPECT_EQ(worker.users(), 2);
    EXPECT_FALSE(counter.is_released());
    worker.slot(ipc_counter::slot()) -= 1;
  }
  EXPECT_TRUE(counter.is_released());
  EXPECT_TRUE(consumer{counter.name()}.is_open());
}

TEST(ipc_counter, is_signed_off_by_our_own_consumer_as_by_torch) {
  const ipc_counter counter{uuid};
  EXPECT_FALSE(sign_off(counter.name(), 10'000)) << "there is no such slot";
  EXPECT_FALSE(counter.is_released());
  EXPECT_TRUE(sign_off(counter.name(), ipc_counter::slot()));
  EXPECT_TRUE(counter.is_released());
  consumer other{counter.name()};
  ASSERT_TRUE(other.is_open()) << "the file stays as long as its owner";
  EXPECT_EQ(other.users(), 2);
  EXPECT_FALSE(sign_off("/ckpt-actor-counter-of-nobody", 0));
}

TEST(ipc_counter, has_a_name_that_torch_can_open_and_nobody_else_has) {
  const ipc_counter one{uuid}, other{uuid};
  EXPECT_NE(one.name(), other.name());
  EXPECT_EQ(one.name().find('/', 1), std::string::npos);
  EXPECT_LT(one.name().size(), 256u);
}

TEST(ipc_counter, leaves_nothing_behind) {
  std::string name;
  {
    ipc_counter hidden{uuid};
    hidden.hide();
    const ipc_counter counter{uuid};
    name = counter.name();
  }
  EXPECT_FALSE(consumer{name}.is_open());
}

TEST(ipc_counter, of_a_killed_process_is_removed_by_the_next_that_uses_the_device) {
  constexpr auto directory = "/dev/shm";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto child = ::fork();
  if (child == 0) {
    const ipc_counter counter{uuid};
    const auto name = counter.name();
    std::ignore = ::write(ready[1], name.c_str(), name.size());
    ::pause();
  }
  char name[128] = {};
  ASSERT_GT(::read(ready[0], name, sizeof name - 1), 0);
  EXPECT_EQ(ipc_counter::remove_stale(directory, uuid), 0u) << "not while its owner lives";
  EXPECT_TRUE(consumer{name}.is_open());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(ipc_counter::remove_stale(directory, "GPU-other"), 0u);
  EXPECT_TRUE(consumer{name}.is_open());
  EXPECT_EQ(ipc_counter::remove_stale(directory, uuid), 1u);
  EXPECT_FALSE(consumer{name}.is_open());
  ::close(ready[0]);
  ::close(ready[1]);
}

} // namespace
} // namespace ckpt::gpu
