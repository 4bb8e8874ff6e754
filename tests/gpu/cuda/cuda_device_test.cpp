// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What the pipeline relies on a GPU for: on a real one, and on simulated ones (see tests/stand_in). Workers
// are processes.

#include "gpu/cuda/cuda_device.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/imported_ring.hpp"
#include "gpu/cuda/nccl_collective.hpp"
#include "gpu/cuda/plain_copy.hpp"
#include "tests/support/collective_play.hpp"
#include "tests/support/mapped_memory.hpp"
#include "tests/support/ring_worker.hpp"
#include "tests/support/temporary_directory.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <cuda_runtime_api.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::gpu {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::mapped_memory;
using tests::ring_worker;
using tests::wait_for;

constexpr std::uint64_t ring_bytes = 6 << 20;

class cuda_device_test : public testing::Test {
protected:
  void SetUp() override { open({}); }

  /// Anew, with a ring.
  void open(const cuda_options& options) {
    devices_.clear();
    const std::uint32_t first[] = {0};
    devices_ = open_cuda_devices(first, options);
    gpu().begin_run(ring_bytes);
  }

  [[nodiscard]] device& gpu() { return *devices_.front(); }

  [[nodiscard]] std::vector<std::byte> ring() {
    std::vector<std::byte> bytes(ring_bytes);
    read_back(gpu(), 0, bytes);
    return bytes;
  }

  std::vector<std::unique_ptr<device>> devices_;
};

TEST_F(cuda_device_test, brings_every_byte_to_its_place) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  mapped_memory source{5 << 20};
  source.fill(seed);
  gpu().pin(source.bytes());
  std::vector<std::byte> expected = ring();
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
  devices_.clear();
}

TEST_F(cuda_device_test, copies_over_the_borders_of_registrations) {
  mapped_memory source{64 << 20}; // Registered in several parts at once.
  gpu().pin(source.bytes().subspan(0, 20 << 20));
  gpu().pin(source.bytes().subspan(10 << 20, 40 << 20)); // In part known already.
  source.fill(5);
  for (std::uint64_t begin = 0; begin + ring_bytes <= source.bytes().size(); begin += 2 << 20) {
    const copy_piece piece[] = {{begin, 0, ring_bytes}}; // The last ones go beyond what is registered.
    const auto last = gpu().copy(source.data(), piece);
    const auto progress = wait_for(gpu(), last);
    ASSERT_EQ(progress.completed, last) << (progress.failure ? progress.failure->what : "");
    EXPECT_TRUE(std::ranges::equal(ring(), source.bytes().subspan(begin, ring_bytes))) << begin;
  }
  devices_.clear();
}

TEST_F(cuda_device_test, says_how_much_memory_it_has_not) {
  devices_.clear();
  const std::uint32_t first[] = {0};
  devices_ = open_cuda_devices(first);
  try {
    gpu().begin_run(1ull << 50);
    FAIL() << "there is no such memory";
  } catch (const cuda_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(1ull << 50)));
    EXPECT_THAT(error.what(), HasSubstr("GPU 0"));
    EXPECT_THAT(error.what(), HasSubstr("out of memory"));
  }
}

TEST_F(cuda_device_test, exports_a_ring_of_whole_blocks_with_a_new_counter_each_time) {
  const auto first = std::get<exported_cuda_memory>(gpu().export_ring());
  EXPECT_EQ(first.ipc_handle.size(), 66u);
  EXPECT_EQ(first.ipc_handle.substr(0, 2), "\x01"
                                           "c");
  EXPECT_EQ(first.bytes, ring_bytes);
  EXPECT_FALSE(gpu().is_released());
  const auto second = std::get<exported_cuda_memory>(gpu().export_ring());
  EXPECT_EQ(second.ipc_handle, first.ipc_handle);
  EXPECT_NE(second.counter_name, first.counter_name);
}

TEST_F(cuda_device_test, gives_nobody_its_ring_once_that_is_withdrawn) {
  static_cast<void>(gpu().export_ring());
  gpu().withdraw_export();
  EXPECT_THROW(static_cast<void>(gpu().export_ring()), std::runtime_error);
}

TEST_F(cuda_device_test, alone_needs_no_broadcast) {
  const auto alone = make_cuda_collective(make_communicators({&gpu()}, 1));
  const auto last = alone->broadcast(0, 0, 1 << 20);
  EXPECT_EQ(wait_for(*alone, last).completed, last);
}

using cuda_worker_test = cuda_device_test;

TEST_F(cuda_worker_test, sees_what_is_in_the_ring_and_signs_off) {
  for (const auto form : {handle_form::versioned, handle_form::raw}) {
    cuda_options options;
    options.form = form;
    open(options);
    const ring_worker worker;
    ASSERT_EQ(worker.open(gpu()), "open");
    mapped_memory source{ring_bytes};
    gpu().pin(source.bytes());
    for (std::uint64_t number = 1; number <= 3; ++number) {
      source.fill(number);
      const copy_piece piece[] = {{0, 0, ring_bytes}};
      ASSERT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, number);
      EXPECT_EQ(worker.look(), tests::sum_of(source.bytes()));
    }
    EXPECT_FALSE(gpu().is_released());
    EXPECT_EQ(worker.close(), "closed");
    EXPECT_TRUE(gpu().is_released());
    devices_.clear();
  }
}

TEST_F(cuda_worker_test, finds_the_first_byte_that_is_wrong) {
  const ring_worker worker;
  ASSERT_EQ(worker.open(gpu()), "open");
  mapped_memory source{ring_bytes};
  source.fill(7);
  gpu().pin(source.bytes());
  const copy_piece piece[] = {{0, 0, ring_bytes}};
  ASSERT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, 1u);
  EXPECT_EQ(worker.compare(7), "nowhere");
  ticket last = 1;
  for (const std::uint64_t wrong : {ring_bytes - 1, 5'000'001ul, 4ul << 20, (4ul << 20) - 1, 12'345ul, 0ul}) {
    source.data()[wrong] ^= std::byte{1};
    ASSERT_EQ(wait_for(gpu(), gpu().copy(source.data(), piece)).completed, ++last);
    EXPECT_EQ(worker.compare(7), std::to_string(wrong));
  }
  EXPECT_EQ(worker.close(), "closed");
  devices_.clear();
}

TEST_F(cuda_worker_test, of_the_next_update_opens_the_same_ring) {
  for (int update = 0; update < 2; ++update) {
    const ring_worker worker;
    ASSERT_EQ(worker.open(gpu()), "open");
    EXPECT_EQ(worker.look(), tests::sum_of(ring()));
    EXPECT_EQ(worker.close(), "closed");
    EXPECT_TRUE(gpu().is_released());
  }
}

TEST_F(cuda_worker_test, that_has_the_ring_open_keeps_it_from_being_freed) {
  const ring_worker worker;
  ASSERT_EQ(worker.open(gpu()), "open");
  const auto before = worker.look();
  devices_.clear();
  EXPECT_EQ(worker.look(), before);
}

TEST_F(cuda_worker_test, that_was_killed_never_signed_off) {
  ring_worker worker;
  ASSERT_EQ(worker.open(gpu()), "open");
  worker.kill();
  EXPECT_FALSE(gpu().is_released());
}

TEST_F(cuda_worker_test, that_sees_no_such_gpu_opens_nothing) {
  const ring_worker worker{std::map<std::string, std::string>{{"CUDA_VISIBLE_DEVICES", ""}}};
  EXPECT_THAT(worker.open(gpu()), HasSubstr("refused: "));
}

TEST_F(cuda_worker_test, says_what_the_handle_lacks) {
  try {
    std::ignore = import_ring({"no handle", ring_bytes, "/none", 0}, gpu().uuid());
    FAIL() << "that was no handle";
  } catch (const cuda_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("9 bytes"));
  }
}

} // namespace
} // namespace ckpt::gpu
