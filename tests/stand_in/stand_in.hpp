// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the stand-in for the CUDA runtime offers beyond CUDA's own functions: to tests, which look at what was
// done and let things fail, and to the stand-in for NCCL. Any thread.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>

#include <cuda_runtime_api.h>

namespace ckpt::stand_in {

/// What this process has done, and what it has not given back.
struct statistics {
  std::uint64_t registered_bytes = 0; ///< copied between GPUs and registered host memory
  std::uint64_t pageable_bytes = 0;   ///< copied between GPUs and other host memory
  std::uint64_t vanished_bytes = 0;   ///< of registered files that were truncated before they were copied
  std::uint64_t allocations = 0;      ///< alive
  std::uint64_t registrations = 0;    ///< alive
  std::uint64_t openings = 0;         ///< of other processes' memory, not closed
  std::uint64_t communicators = 0;    ///< of NCCL that were begun
  std::uint64_t contexts = 0;         ///< made: one for each process and each GPU that it used
  std::uint64_t registrations_ever = 0;
};

[[nodiscard]] statistics current_statistics();

/// What the processes that ran with STAND_IN_REPORT=`file` have done together. Kept up while they run, so
/// that it is also there when they are killed. Nothing but zeros when there is no such file.
[[nodiscard]] statistics read_report(const std::filesystem::path& file);

/// Lets the `count`-th copy from now on (1 is the next) fail in its stream, as one that meets a fault of the
/// hardware would.
void fail_copy(unsigned count);

/// Lets NCCL refuse the `count`-th broadcast from now on, counted by GPU.
void fail_broadcast(unsigned count);

/// Lets NCCL hang in what aborts a communicator, as long as it is to.
void hang_aborts(bool hang);

/// Told by the stand-in for NCCL when a communicator is begun.
void count_communicator();

/// Asked by the stand-ins before each: true for the one that is to fail.
[[nodiscard]] bool is_copy_to_fail();
[[nodiscard]] bool is_broadcast_to_fail();

/// Comes back once aborts are not, or no longer, to hang.
void wait_while_aborts_hang();

/// Never comes back.
[[noreturn]] void hang_for_ever();

/// True for the one that STAND_IN_STUCK_BROADCAST names: it never leaves its stream.
[[nodiscard]] bool is_broadcast_to_get_stuck();

/// Streams do nothing as long as they are held.
void hold_streams(bool held);

/// Runs `work` when everything before it in `stream` is done; what comes later waits for it. False when there
/// is no such stream.
bool enqueue(cudaStream_t stream, std::function<void()> work);

/// CUDA's number of the GPU in whose memory all of these bytes lie, or -1 when there is none.
[[nodiscard]] int gpu_that_holds(const void* memory, std::size_t bytes);

/// CUDA's number of the GPU of the stream, or -1 when there is no such stream.
[[nodiscard]] int gpu_of(cudaStream_t stream);

/// Where CUDA's behaviour is undefined: says what is wrong and aborts.
[[noreturn]] void undefined(const char* what);

} // namespace ckpt::stand_in
