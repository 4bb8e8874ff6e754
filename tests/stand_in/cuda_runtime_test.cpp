// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// That the stand-in refuses what CUDA refuses: a stand-in that lets everything pass would prove nothing.

#include "tests/stand_in/stand_in.hpp"

#include "tests/support/other_process.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstring>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::stand_in {
namespace {

constexpr std::size_t page = 4096;

class cuda_runtime_test : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_EQ(cudaMalloc(&gpu_, 4 * page), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    host_ = static_cast<std::byte*>(
        ::mmap(nullptr, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  void TearDown() override {
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    EXPECT_EQ(cudaFree(gpu_), cudaSuccess);
    EXPECT_EQ(current_statistics().registrations, 0u);
    ::munmap(host_, 8 * page);
  }

  cudaError_t copy(std::size_t begin, std::size_t bytes) {
    return cudaMemcpyAsync(gpu_, host_ + begin, bytes, cudaMemcpyHostToDevice, stream_);
  }

  void* gpu_ = nullptr;
  cudaStream_t stream_ = nullptr;
  std::byte* host_ = nullptr;
};

TEST_F(cuda_runtime_test, refuses_a_copy_over_the_border_of_a_registration) {
  ASSERT_EQ(cudaHostRegister(host_ + page, page, cudaHostRegisterPortable), cudaSuccess);
  ASSERT_EQ(cudaHostRegister(host_ + 2 * page, page, cudaHostRegisterPortable), cudaSuccess);
  EXPECT_EQ(copy(page, page), cudaSuccess);
  EXPECT_EQ(copy(2 * page - 1, 2), cudaErrorInvalidValue);
  EXPECT_EQ(copy(0, page + 1), cudaErrorInvalidValue);
  EXPECT_EQ(copy(3 * page - 1, 2), cudaErrorInvalidValue);
  EXPECT_EQ(copy(page, 2 * page), cudaErrorInvalidValue);
  EXPECT_EQ(copy(3 * page, page), cudaSuccess) << "not registered, which is slow and no more";
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(host_ + page), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(host_ + 2 * page), cudaSuccess);
}

TEST_F(cuda_runtime_test, refuses_a_copy_beyond_the_end_of_an_allocation) {
  EXPECT_EQ(copy(0, 4 * page), cudaSuccess);
  EXPECT_EQ(copy(0, 4 * page + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host_, static_cast<std::byte*>(gpu_) + page, 4 * page, cudaMemcpyDeviceToHost),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host_, gpu_, page, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(cuda_runtime_test, registers_no_page_twice_and_releases_none_that_is_not_registered) {
  ASSERT_EQ(cudaHostRegister(host_ + 100, 100, 0), cudaSuccess);
  EXPECT_EQ(cudaHostRegister(host_ + 300, 100, 0), cudaErrorHostMemoryAlreadyRegistered);
  EXPECT_EQ(cudaHostRegister(host_, 8 * page, 0), cudaErrorHostMemoryAlreadyRegistered);
  EXPECT_EQ(cudaHostUnregister(host_), cudaErrorHostMemoryNotRegistered);
  EXPECT_EQ(cudaHostUnregister(host_ + 100), cudaSuccess);
}

TEST_F(cuda_runtime_test, registers_only_what_is_there_and_may_be_written) {
  const tests::temporary_directory directory{"/dev/shm"};
  const auto path = directory.write("file", std::string(3 * page, 'x'));
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* mapped = ::mmap(nullptr, 4 * page, PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  EXPECT_EQ(cudaHostRegister(mapped, 3 * page, 0), cudaErrorInvalidValue);
  EXPECT_EQ(::mprotect(mapped, 4 * page, PROT_READ | PROT_WRITE), 0);
  EXPECT_EQ(cudaHostRegister(mapped, 4 * page, 0), cudaErrorInvalidValue);
  EXPECT_EQ(cudaHostRegister(mapped, 3 * page, 0), cudaSuccess);
  EXPECT_EQ(::mprotect(mapped, 4 * page, PROT_READ), 0);
  EXPECT_EQ(cudaHostUnregister(mapped), cudaSuccess);
  EXPECT_EQ(::mprotect(mapped, 4 * page, PROT_NONE), 0);
  EXPECT_EQ(cudaHostRegister(mapped, page, 0), cudaErrorInvalidValue);
  ::munmap(mapped, 4 * page);
  EXPECT_EQ(cudaHostRegister(nullptr, page, 0), cudaErrorInvalidValue);
}

TEST_F(cuda_runtime_test, wants_the_gpu_of_a_stream_to_be_the_current_one) {
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  EXPECT_EQ(copy(0, page), cudaErrorInvalidResourceHandle);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(event, stream_), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event), cudaErrorInvalidResourceHandle);
}

TEST_F(cuda_runtime_test, an_event_is_reached_when_all_before_it_is_done) {
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess) << "it was never recorded";
  hold_streams(true);
  EXPECT_EQ(cudaMemsetAsync(gpu_, 7, page, stream_), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(event, stream_), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
  hold_streams(false);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(host_, gpu_, page, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host_[page - 1], std::byte{7});
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
}

TEST_F(cuda_runtime_test, a_process_cannot_open_what_it_has_exported_itself) {
  cudaIpcMemHandle_t handle;
  ASSERT_EQ(cudaIpcGetMemHandle(&handle, gpu_), cudaSuccess);
  void* opened = nullptr;
  EXPECT_EQ(cudaIpcOpenMemHandle(&opened, handle, cudaIpcMemLazyEnablePeerAccess),
            cudaErrorDeviceUninitialized);
  EXPECT_EQ(cudaIpcOpenMemHandle(&opened, handle, 0), cudaErrorInvalidValue);
  EXPECT_EQ(cudaIpcGetMemHandle(&handle, static_cast<std::byte*>(gpu_) + 1), cudaErrorInvalidValue);
}

TEST_F(cuda_runtime_test, does_not_work_in_a_forked_child) {
  const auto child = ::fork();
  if (child == 0)
    ::_exit(cudaSetDevice(0) == cudaErrorInitializationError ? 0 : 1);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

/// Opens the memory whose handle comes, and keeps it open.
int be_importer(tests::conversation& talk) {
  const auto text = talk.receive();
  cudaIpcMemHandle_t handle;
  std::memcpy(&handle, text.data(), sizeof handle);
  void* memory = nullptr;
  talk.send(cudaGetErrorName(cudaIpcOpenMemHandle(&memory, handle, cudaIpcMemLazyEnablePeerAccess)));
  return talk.receive().empty() ? 0 : 1;
}

class cuda_runtime_death_test : public cuda_runtime_test {
protected:
  static void SetUpTestSuite() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

/// What the other processes in a statement that dies do is over with it.
void free_what_is_open_elsewhere(void* memory) {
  tests::other_process importer{"importer"};
  cudaIpcMemHandle_t handle;
  static_cast<void>(cudaIpcGetMemHandle(&handle, memory));
  importer.talk().send({reinterpret_cast<const char*>(&handle), sizeof handle});
  if (importer.talk().receive() == "cudaSuccess")
    static_cast<void>(cudaFree(memory));
}

TEST_F(cuda_runtime_death_test, freeing_what_another_process_has_open_ends_this_one) {
  EXPECT_DEATH(free_what_is_open_elsewhere(gpu_), "another process has open");
}

TEST_F(cuda_runtime_death_test, releasing_what_was_unmapped_ends_this_process) {
  const auto unmap_and_release = [&] {
    static_cast<void>(cudaHostRegister(host_, page, 0));
    // Kept free: AddressSanitizer's runtime, for one, would map something of its own there.
    ::mmap(host_, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    static_cast<void>(cudaHostUnregister(host_));
  };
  EXPECT_DEATH(unmap_and_release(), "unmapped before");
}

TEST_F(cuda_runtime_death_test, releasing_what_a_copy_uses_ends_this_process) {
  const auto release_too_early = [&] {
    static_cast<void>(cudaHostRegister(host_, page, 0));
    hold_streams(true);
    static_cast<void>(copy(0, page));
    static_cast<void>(cudaHostUnregister(host_));
  };
  EXPECT_DEATH(release_too_early(), "a copy is using");
}

} // namespace
} // namespace ckpt::stand_in

int main(int argc, char** argv) {
  return ckpt::tests::run_tests_or_role(argc, argv, {{"importer", ckpt::stand_in::be_importer}});
}
