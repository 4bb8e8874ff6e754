// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The yardstick shares no code with what it measures: neither cuda_stream nor pinned_memory.

#include "gpu/cuda/plain_copy.hpp"

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/use_gpu.hpp"

#include <algorithm>
#include <string>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

struct free_device_memory {
  void operator()(std::byte* memory) const noexcept { static_cast<void>(cudaFree(memory)); }
};

struct free_host_memory {
  void operator()(std::byte* memory) const noexcept { static_cast<void>(cudaFreeHost(memory)); }
};

struct destroy_stream {
  void operator()(cudaStream_t stream) const noexcept { static_cast<void>(cudaStreamDestroy(stream)); }
};

struct destroy_event {
  void operator()(cudaEvent_t event) const noexcept { static_cast<void>(cudaEventDestroy(event)); }
};

class cuda_plain_copy final : public plain_copy {
public:
  explicit cuda_plain_copy(int ordinal) : ordinal_{ordinal}, where_{" on GPU " + std::to_string(ordinal)} {
    use_gpu(ordinal_);
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, plain_copy_bytes), "cudaMalloc of 256 MiB" + where_);
    target_.reset(static_cast<std::byte*>(memory));
    check_cuda(cudaHostAlloc(&memory, plain_copy_bytes, cudaHostAllocDefault), "cudaHostAlloc of 256 MiB");
    source_.reset(static_cast<std::byte*>(memory));
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
               "cudaStreamCreateWithFlags" + where_);
    stream_.reset(stream);
    cudaEvent_t event = nullptr;
    check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags" + where_);
    done_.reset(event);
  }

  cuda_plain_copy(const cuda_plain_copy&) = delete;
  cuda_plain_copy& operator=(const cuda_plain_copy&) = delete;

  ~cuda_plain_copy() noexcept override {
    use_gpu_if_possible(ordinal_);
    // A run that failed may have left copies that still use the memory.
    static_cast<void>(cudaStreamSynchronize(stream_.get()));
  }

  void run(std::uint64_t bytes) override {
    use_gpu(ordinal_);
    for (std::uint64_t issued = 0; issued < bytes; issued += plain_copy_bytes)
      check_cuda(cudaMemcpyAsync(target_.get(), source_.get(), std::min(plain_copy_bytes, bytes - issued),
                                 cudaMemcpyHostToDevice, stream_.get()),
                 "cudaMemcpyAsync" + where_);
    check_cuda(cudaEventRecord(done_.get(), stream_.get()), "cudaEventRecord" + where_);
    check_cuda(cudaEventSynchronize(done_.get()), "cudaMemcpyAsync" + where_);
  }

private:
  int ordinal_;
  std::string where_; ///< for failures
  std::unique_ptr<std::byte, free_device_memory> target_;
  std::unique_ptr<std::byte, free_host_memory> source_;
  std::unique_ptr<CUstream_st, destroy_stream> stream_;
  std::unique_ptr<CUevent_st, destroy_event> done_;
};

} // namespace

std::unique_ptr<plain_copy> make_plain_copy(std::uint32_t ordinal) {
  return std::make_unique<cuda_plain_copy>(static_cast<int>(ordinal));
}

void read_back(const device& gpu, std::uint64_t ring_offset, std::span<std::byte> destination) {
  const auto ring = ring_of(gpu);
  if (ring_offset > ring.bytes || destination.size() > ring.bytes - ring_offset)
    throw cuda_error{"bytes beyond the end of the ring are wanted"};
  use_gpu(ring.ordinal);
  check_cuda(
      cudaMemcpy(destination.data(), ring.memory + ring_offset, destination.size(), cudaMemcpyDeviceToHost),
      "cudaMemcpy from GPU " + std::to_string(ring.ordinal));
}

} // namespace ckpt::gpu
