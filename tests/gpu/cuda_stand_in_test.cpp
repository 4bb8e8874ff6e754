// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What the pipeline relies on a GPU for, on simulated ones: see tests/stand_in. Workers are processes.

#include "gpu/cuda_device.hpp"

#include "gpu/cuda_error.hpp"
#include "gpu/imported_ring.hpp"
#include "gpu/plain_copy.hpp"
#include "tests/stand_in/gpu_host.hpp"
#include "tests/stand_in/other_process.hpp"
#include "tests/stand_in/stand_in.hpp"
#include "tests/support/temporary_directory.hpp"

#include <csignal>
#include <random>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using stand_in::current_statistics;
using testing::HasSubstr;
using tests::wait_for;

constexpr std::uint64_t ring_bytes = 6 << 20;

/// Anonymous memory in whole pages, or a file that can only be read.
class mapping {
public:
  explicit mapping(std::size_t bytes) : mapping{bytes, PROT_READ | PROT_WRITE, -1} {}
  mapping(std::size_t bytes, int file) : mapping{bytes, PROT_READ, file} {}
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;
  ~mapping() { ::munmap(bytes_.data(), bytes_.size()); }

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::byte* data() const { return bytes_.data(); }

private:
  mapping(std::size_t bytes, int rights, int file) {
    void* base = ::mmap(nullptr, bytes, rights, file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    EXPECT_NE(base, MAP_FAILED);
    bytes_ = {static_cast<std::byte*>(base), bytes};
  }
  std::span<std::byte> bytes_;
};

void fill(std::span<std::byte> memory, std::uint64_t number) {
  for (std::uint64_t at = 0; at < memory.size(); ++at)
    memory[at] = tests::byte_at(number, at);
}

class cuda_stand_in_test : public testing::Test {
protected:
  void SetUp() override {
    before_ = current_statistics(); // Other tests may have run in this process.
    const std::uint32_t both[] = {0, 1};
    devices_ = open_cuda_devices(both);
    devices_[0]->allocate_ring(ring_bytes);
  }

  [[nodiscard]] device& gpu() { return *devices_[0]; }

  [[nodiscard]] std::vector<std::byte> ring() {
    std::vector<std::byte> bytes(ring_bytes);
    read_back(gpu(), 0, bytes);
    return bytes;
  }

  /// Copied by this test from memory that CUDA does not know.
  [[nodiscard]] std::uint64_t pageable_bytes() const {
    return current_statistics().pageable_bytes - before_.pageable_bytes;
  }
  /// Of this test, still alive.
  [[nodiscard]] std::uint64_t allocations() const {
    return current_statistics().allocations - before_.allocations;
  }

  std::vector<std::unique_ptr<device>> devices_;
  stand_in::statistics before_;
};

TEST_F(cuda_stand_in_test, brings_every_byte_to_its_place) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const mapping source{5 << 20};
  fill(source.bytes(), seed);
  gpu().pin(source.bytes());
  std::vector<std::byte> expected(ring_bytes);
  ticket last = 0;
  for (int turn = 0; turn < 300; ++turn) {
    std::vector<copy_piece> pieces;
    const std::uint64_t chunk = random() % (1 << 20);
    for (auto count = random() % 5; count > 0; --count) {
      const copy_piece piece{random() % (3 << 20), random() % (5 << 20), random() % (1 << 20)};
      std::copy_n(source.data() + chunk + piece.source_offset, piece.length,
                  expected.data() + piece.ring_offset);
      pieces.push_back(piece);
    }
    EXPECT_EQ(gpu().copy(source.data() + chunk, pieces), ++last);
  }
  const auto progress = wait_for(gpu(), last);
  EXPECT_EQ(progress.completed, last) << (progress.failure ? progress.failure->what : "");
  EXPECT_TRUE(ring() == expected);
  // Only what this test itself has read back went through memory that is not registered.
  EXPECT_EQ(pageable_bytes(), ring_bytes);
  devices_.clear();
}

TEST_F(cuda_stand_in_test, tells_of_no_copy_before_it_is_done) {
  const mapping source{1 << 20};
  gpu().pin(source.bytes());
  const copy_piece piece[] = {{0, 0, 1 << 20}};
  stand_in::hold_streams(true);
  for (ticket number = 1; number <= 3; ++number)
    EXPECT_EQ(gpu().copy(source.data(), piece), number);
  EXPECT_EQ(gpu().wait(0, 30ms).completed, 0u);
  stand_in::hold_streams(false);
  EXPECT_EQ(wait_for(gpu(), 3).completed, 3u);
  devices_.clear();
}

TEST_F(cuda_stand_in_test, copies_over_the_borders_of_registrations) {
  const mapping source{64 << 20}; // Registered in several parts at once.
  gpu().pin(source.bytes().subspan(0, 20 << 20));
  gpu().pin(source.bytes().subspan(10 << 20, 40 << 20)); // In part known already.
  devices_[1]->pin(source.bytes().subspan(0, 50 << 20)); // Known already, to all GPUs.
  fill(source.bytes(), 5);
  ticket last = 0;
  for (std::uint64_t begin = 0; begin + ring_bytes <= source.bytes().size(); begin += 2 << 20) {
    const copy_piece piece[] = {{begin, 0, ring_bytes}}; // The last ones go beyond what is registered.
    last = gpu().copy(source.data(), piece);
    const auto progress = wait_for(gpu(), last);
    ASSERT_EQ(progress.completed, last) << (progress.failure ? progress.failure->what : "");
    const auto expected = source.bytes().subspan(begin, ring_bytes);
    EXPECT_TRUE(std::ranges::equal(ring(), expected)) << begin;
  }
  EXPECT_GT(current_statistics().registrations, 1u);
  devices_.clear();
  EXPECT_EQ(current_statistics().registrations, 0u);
}

class source_test : public cuda_stand_in_test {
protected:
  static constexpr std::size_t file_bytes = (3 << 20) + 100;

  void SetUp() override {
    cuda_stand_in_test::SetUp();
    path_ = memory_.write("source", std::string(file_bytes, 'x'));
    file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    source_.emplace(file_bytes, file_);
  }
  void TearDown() override {
    devices_.clear();
    ::close(file_);
    EXPECT_EQ(current_statistics().registrations, 0u);
  }

  [[nodiscard]] std::span<const std::byte> part(std::size_t begin, std::size_t end) const {
    return std::span<const std::byte>{source_->bytes()}.subspan(begin, end - begin);
  }

  tests::temporary_directory memory_{"/dev/shm"};
  std::filesystem::path path_;
  int file_ = -1;
  std::optional<mapping> source_;
};

TEST_F(source_test, in_memory_is_copied_from_where_it_lies) {
  EXPECT_TRUE(gpu().pin_source(part(0, 1'000'001)));
  EXPECT_TRUE(devices_[1]->pin_source(part(0, 1'000'001)));
  EXPECT_TRUE(gpu().pin_source(part(1'000'001, file_bytes))); // Begins in a page that is known already.
  const copy_piece piece[] = {{0, 77, file_bytes}};
  EXPECT_EQ(wait_for(gpu(), gpu().copy(source_->data(), piece)).completed, 1u);
  EXPECT_EQ(pageable_bytes(), 0u);
  const auto found = ring();
  EXPECT_EQ(std::ranges::count(found, std::byte{'x'}), std::ssize(part(0, file_bytes)));
}

TEST_F(source_test, that_lost_its_end_is_refused) {
  EXPECT_EQ(::truncate(path_.c_str(), 1 << 20), 0);
  EXPECT_FALSE(gpu().pin_source(part(0, file_bytes)));
  EXPECT_TRUE(gpu().pin_source(part(0, 1 << 20)));
}

/// The pause before each copy: without one the failure is found by looking, with one a later call is answered
/// with it.
class failing_copy_test : public cuda_stand_in_test,
                          public testing::WithParamInterface<std::chrono::milliseconds> {};

TEST_P(failing_copy_test, is_named_and_nothing_is_done_after_it) {
  const mapping source{1 << 20};
  fill(source.bytes(), 1);
  gpu().pin(source.bytes());
  stand_in::fail_copy(3);
  ticket last = 0;
  for (std::uint64_t number = 0; number < 5; ++number) {
    std::this_thread::sleep_for(GetParam());
    const copy_piece piece[] = {{0, number << 20, 1 << 20}};
    last = gpu().copy(source.data(), piece);
  }
  const auto progress = wait_for(gpu(), last);
  ASSERT_TRUE(progress.failure.has_value());
  EXPECT_EQ(progress.completed, 2u);
  EXPECT_EQ(progress.failure->at, 3u);
  EXPECT_THAT(progress.failure->what, HasSubstr("GPU 0"));
  EXPECT_THAT(progress.failure->what, HasSubstr("cudaErrorIllegalAddress"));
  const auto found = ring();
  EXPECT_TRUE(
      std::all_of(found.begin() + (2 << 20), found.end(), [](std::byte one) { return one == std::byte{0}; }));
  EXPECT_EQ(devices_[1]->wait(0, 1ms).completed, 0u);
  EXPECT_FALSE(devices_[1]->wait(0, 1ms).failure.has_value()) << "the other GPU has nothing to do with it";
  devices_.clear();
}

INSTANTIATE_TEST_SUITE_P(of, failing_copy_test, testing::Values(0ms, 20ms),
                         [](const auto& each) { return std::to_string(each.param.count()) + "_ms"; });

TEST_F(cuda_stand_in_test, says_how_much_memory_it_has_not) {
  try {
    devices_[1]->allocate_ring(1ull << 50);
    FAIL() << "there is no such memory";
  } catch (const cuda_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(1ull << 50)));
    EXPECT_THAT(error.what(), HasSubstr("GPU 1"));
    EXPECT_THAT(error.what(), HasSubstr("out of memory"));
  }
}

/// A worker: opens the ring that it is told of, and does what it is told.
int be_worker(tests::conversation& talk) {
  std::istringstream order{talk.receive()};
  std::string uuid;
  exported_cuda_memory exported;
  order >> uuid >> exported.bytes >> exported.counter_name >> exported.counter_slot;
  exported.ipc_handle = talk.receive();
  std::unique_ptr<imported_ring> ring;
  try {
    ring = import_ring(exported, uuid);
  } catch (const cuda_error& error) {
    talk.send(std::string{"refused: "} + error.what());
    return 1;
  }
  talk.send("open");
  for (auto word = talk.receive(); !word.empty(); word = talk.receive()) {
    if (word == "read") {
      std::vector<std::byte> bytes(exported.bytes);
      ring->read(0, bytes);
      std::string sum(8, '\0');
      for (std::size_t at = 0; at < bytes.size(); ++at)
        sum[at % 8] = static_cast<char>(sum[at % 8] * 31 + static_cast<char>(bytes[at]));
      talk.send(sum);
    } else {
      ring.reset();
      talk.send("closed");
    }
  }
  return 0;
}

class worker_test : public cuda_stand_in_test {
protected:
  /// Lets a worker open the ring, and returns what it says to that.
  static std::string hand_over(tests::other_process& worker, device& from, const std::string& uuid) {
    const auto exported = std::get<exported_cuda_memory>(from.export_ring());
    worker.talk().send(uuid + ' ' + std::to_string(exported.bytes) + ' ' + exported.counter_name + ' '
                       + std::to_string(exported.counter_slot));
    worker.talk().send(exported.ipc_handle);
    return worker.talk().receive();
  }

  static std::string ask(tests::other_process& worker, const std::string& what) {
    worker.talk().send(what);
    return worker.talk().receive();
  }

  static std::string sum_of(std::span<const std::byte> bytes) {
    std::string sum(8, '\0');
    for (std::size_t at = 0; at < bytes.size(); ++at)
      sum[at % 8] = static_cast<char>(sum[at % 8] * 31 + static_cast<char>(bytes[at]));
    return sum;
  }
};

TEST_F(worker_test, sees_what_is_in_the_ring_and_signs_off) {
  tests::other_process worker{"worker"};
  ASSERT_EQ(hand_over(worker, gpu(), gpu().uuid()), "open");
  const mapping source{ring_bytes};
  gpu().pin(source.bytes());
  for (std::uint64_t number = 1; number <= 3; ++number) {
    fill(source.bytes(), number);
    const copy_piece piece[] = {{0, 0, ring_bytes}};
    ASSERT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, number);
    EXPECT_EQ(ask(worker, "read"), sum_of(source.bytes()));
  }
  EXPECT_FALSE(gpu().is_released());
  EXPECT_EQ(ask(worker, "close"), "closed");
  EXPECT_TRUE(gpu().is_released());
  devices_.clear();
  EXPECT_EQ(allocations(), 0u);
}

TEST_F(worker_test, of_the_next_update_opens_the_same_ring) {
  for (int update = 0; update < 2; ++update) {
    tests::other_process worker{"worker"};
    ASSERT_EQ(hand_over(worker, gpu(), gpu().uuid()), "open");
    EXPECT_EQ(ask(worker, "read"), sum_of(ring()));
    EXPECT_EQ(ask(worker, "close"), "closed");
    EXPECT_TRUE(gpu().is_released());
  }
}

TEST_F(worker_test, that_has_the_ring_open_keeps_it_from_being_freed) {
  tests::other_process worker{"worker"};
  ASSERT_EQ(hand_over(worker, gpu(), gpu().uuid()), "open");
  const auto before = ask(worker, "read");
  devices_.clear();
  EXPECT_EQ(allocations(), 1u);
  EXPECT_EQ(ask(worker, "read"), before);
}

TEST_F(worker_test, that_was_killed_never_signed_off) {
  {
    tests::other_process worker{"worker"};
    ASSERT_EQ(hand_over(worker, gpu(), gpu().uuid()), "open");
    worker.signal(SIGKILL);
    EXPECT_EQ(worker.wait(), -SIGKILL);
  }
  EXPECT_FALSE(gpu().is_released());
  devices_.clear();
  EXPECT_EQ(allocations(), 1u);
}

TEST_F(worker_test, that_sees_other_gpus_opens_nothing) {
  tests::other_process elsewhere{"worker", {{"STAND_IN_HOST", "another host"}}};
  EXPECT_THAT(hand_over(elsewhere, gpu(), gpu().uuid()), HasSubstr("none of the 2 GPUs"));
  tests::other_process beside{"worker", {{"CUDA_VISIBLE_DEVICES", "1"}}};
  EXPECT_THAT(hand_over(beside, gpu(), gpu().uuid()), HasSubstr("none of the 1 GPUs"));
}

TEST_F(worker_test, finds_its_gpu_whatever_number_it_has_there) {
  devices_[1]->allocate_ring(ring_bytes);
  tests::other_process worker{"worker", {{"CUDA_VISIBLE_DEVICES", "1"}}};
  EXPECT_EQ(hand_over(worker, *devices_[1], devices_[1]->uuid()), "open");
  EXPECT_EQ(ask(worker, "close"), "closed");
}

TEST_F(worker_test, says_what_the_handle_lacks) {
  try {
    std::ignore = import_ring({"no handle", ring_bytes, "/none", 0}, gpu().uuid());
    FAIL() << "that was no handle";
  } catch (const cuda_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("9 bytes"));
  }
}

} // namespace
} // namespace ckpt::gpu

int main(int argc, char** argv) {
  return ckpt::tests::run_tests_or_role(argc, argv, {{"worker", ckpt::gpu::be_worker}});
}
